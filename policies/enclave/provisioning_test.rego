package enclave.provisioning_test

import data.enclave
import data.lib.testing

asking := testing.event({"hook": "enclave_provision", "sigstruct": null, "enclave": null})

answered(event, site) := answer if {
	answer := enclave.provision with input as event with data.launchgate as site
}

codes(items) := [item.code | some item in items]

test_the_device_is_given_where_some_listing_grants_the_key if {
	every listed in [testing.signer({"provisionkey": true}), testing.measurement({"provisionkey": true})] {
		answered(asking, listed) == {"allow": true, "deny": set(), "warn": set()}
	}
}

test_the_device_is_not_given_where_none_does if {
	every name in ["strict", "baseline"] {
		answer := answered(asking, testing.profile(name))
		answer.allow == false
		codes(answer.deny) == ["provisionkey_not_listed"]
	}
	warned := answered(asking, testing.profile("open"))
	warned.allow == true
	codes(warned.warn) == ["provisionkey_not_listed"]
}

test_the_place_may_forbid_it if {
	listed := testing.signer({"provisionkey": true})
	guest := object.union(asking, {"origin": {"kind": "kvm", "vm": {"id": "vm-1", "name": null}}})
	every code, place in {
		"origin_provisionkey": {"origins": {"kvm": {"provisionkey": false}}},
		"origin_disabled": {"origins": {"kvm": {"enabled": false}}},
		"vm_provisionkey": {"vms": {"vm-1": {"provisionkey": false}}},
		"vm_disabled": {"vms": {"vm-1": {"enabled": false}}},
	} {
		answer := answered(guest, object.union(listed, place))
		answer.allow == false
		codes(answer.deny) == [code]
	}
}

test_another_hook_or_no_data_is_not_allowed if {
	answered(object.union(asking, {"hook": "enclave_init"}), testing.profile("open")).allow == false
	answered(asking, {}).allow == false
}
