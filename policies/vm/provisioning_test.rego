package vm.provisioning_test

import data.lib.testing
import data.vm

asking := object.union(
	testing.event({"hook": "vm_provision", "sigstruct": null, "enclave": null}),
	{"origin": {"kind": "kvm", "vm": {"id": "vm-1", "name": null}}},
)

answered(profile, place) := answer if {
	answer := vm.provision with input as asking
		with data.launchgate as testing.site({"profile": profile, "vms": {"vm-1": place}})
}

codes(items) := [item.code | some item in items]

test_strict_and_baseline_take_a_listing if {
	every name in ["strict", "baseline"] {
		answered(name, {"provisionkey": true}) == {"allow": true, "deny": set(), "warn": set()}
		codes(answered(name, {}).deny) == ["vm_provisionkey_not_listed"]
		codes(answered(name, {"provisionkey": false}).deny) == ["vm_provisionkey"]
		codes(answered(name, {"provisionkey": true, "enabled": false}).deny) == ["vm_disabled"]
	}
}

test_open_warns if {
	every place in [{}, {"provisionkey": false}] {
		answer := answered("open", place)
		answer.allow == true
		answer.deny == set()
		count(answer.warn) == 1
	}
}

test_a_vm_that_nobody_knows_does_not_get_the_device if {
	answer := vm.provision with input as object.union(asking, {"origin": {"vm": null}})
		with data.launchgate as testing.profile("baseline")
	codes(answer.deny) == ["vm_provisionkey_not_listed"]
}

test_the_origin_may_forbid_it if {
	every code, place in {
		"origin_provisionkey": {"provisionkey": false},
		"origin_disabled": {"enabled": false},
	} {
		listed := testing.site({"vms": {"vm-1": {"provisionkey": true}}, "origins": {"kvm": place}})
		answer := vm.provision with input as asking with data.launchgate as listed
		codes(answer.deny) == [code]
	}
}

test_another_hook_or_no_data_is_not_allowed if {
	other := vm.provision with input as object.union(asking, {"hook": "vm_epc"})
		with data.launchgate as testing.profile("open")
	other.allow == false
	missing := vm.provision with input as asking with data.launchgate as {}
	missing.allow == false
}
