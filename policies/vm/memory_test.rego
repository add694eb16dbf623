package vm.memory_test

import data.lib.testing
import data.vm

asking(id) := object.union(
	testing.event({"hook": "vm_epc", "sigstruct": null, "enclave": null}),
	{"origin": {"kind": "kvm", "vm": {"id": id, "name": null}}},
)

answered(profile, place) := answer if {
	answer := vm.epc with input as asking("vm-1")
		with data.launchgate as testing.site({"profile": profile, "vms": {"vm-1": place}})
}

codes(items) := [item.code | some item in items]

test_strict_takes_a_listing if {
	answered("strict", {"epc": true}) == {"allow": true, "deny": set(), "warn": set()}
	codes(answered("strict", {}).deny) == ["vm_epc_not_listed"]
	codes(answered("strict", {"epc": false}).deny) == ["vm_epc"]
	codes(answered("strict", {"epc": true, "enabled": false}).deny) == ["vm_disabled"]
}

test_baseline_takes_the_absence_of_a_refusal if {
	answered("baseline", {"epc": true}) == {"allow": true, "deny": set(), "warn": set()}
	unlisted := answered("baseline", {})
	unlisted.allow == true
	codes(unlisted.warn) == ["vm_epc_not_listed"]
	codes(answered("baseline", {"epc": false}).deny) == ["vm_epc"]
	codes(answered("baseline", {"enabled": false}).deny) == ["vm_disabled"]
}

test_open_warns if {
	every place in [{}, {"epc": false}, {"epc": true, "enabled": false}] {
		answer := answered("open", place)
		answer.allow == true
		answer.deny == set()
		count(answer.warn) == 1
	}
}

test_a_vm_that_nobody_knows_gets_epc_only_under_baseline_and_open if {
	every unknown in [null, {"id": null, "name": null}] {
		event := object.union(asking("vm-1"), {"origin": {"vm": unknown}})
		every name, allow in {"strict": false, "baseline": true, "open": true} {
			answer := vm.epc with input as event with data.launchgate as testing.profile(name)
			answer.allow == allow
			codes(answer.deny | answer.warn) == ["vm_unknown"]
		}
	}
}

test_a_closed_origin_gets_no_epc if {
	closed := testing.site({"vms": {"vm-1": {"epc": true}}, "origins": {"kvm": {"enabled": false}}})
	answer := vm.epc with input as asking("vm-1") with data.launchgate as closed
	codes(answer.deny) == ["origin_disabled"]
}

test_another_hook_or_no_data_is_not_allowed if {
	other := vm.epc with input as object.union(asking("vm-1"), {"hook": "vm_provision"})
		with data.launchgate as testing.profile("open")
	other.allow == false
	missing := vm.epc with input as asking("vm-1") with data.launchgate as {}
	missing.allow == false
}
