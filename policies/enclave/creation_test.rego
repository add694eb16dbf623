package enclave.creation_test

import data.enclave
import data.lib.testing

asking(changes) := object.union(
	testing.event({"hook": "enclave_create", "sigstruct": null}),
	{"enclave": object.union({"mrsigner": null, "mrenclave": null, "isvprodid": null, "isvsvn": null}, changes)},
)

answered(changes, site) := answer if {
	answer := enclave.create with input as asking(changes) with data.launchgate as site
}

codes(items) := [item.code | some item in items]

test_an_ordinary_enclave_may_be_created_under_every_profile if {
	every name in ["strict", "baseline", "open"] {
		answered({}, testing.profile(name)) == {"allow": true, "deny": set(), "warn": set()}
	}
}

test_an_attribute_takes_somebody_who_may_have_it if {
	every attribute, code in {
		"debug": "debug_on",
		"provisionkey": "provisionkey_not_listed",
		"einittokenkey": "einittokenkey_not_listed",
	} {
		every name in ["strict", "baseline"] {
			denied := answered({attribute: "on"}, testing.profile(name))
			denied.allow == false
			codes(denied.deny) == [code]
		}
		warned := answered({attribute: "on"}, testing.profile("open"))
		warned.allow == true
		codes(warned.warn) == [code]
		answered({attribute: "on"}, testing.signer({attribute: true})).allow == true
		answered({attribute: "unknown"}, testing.empty).allow == true
	}
}

test_forbidden_attributes_are_denied if {
	site := testing.site({"attributes": {"forbid": {"kss": {"reason": "test"}}}})
	codes(answered({"bits": {"kss": "on"}}, site).deny) == ["attribute_forbidden"]
}

test_a_closed_place_creates_nothing if {
	codes(answered({}, testing.site({"origins": {"native": {"enabled": false}}})).deny) == ["origin_disabled"]
	site := testing.site({"vms": {"vm-1": {"enabled": false, "debug": false}}})
	guest := object.union(asking({"debug": "off"}), {"origin": {"vm": {"id": "vm-1", "name": null}}})
	answer := enclave.create with input as guest with data.launchgate as site
	codes(answer.deny) == ["vm_disabled"]
}

test_an_attribute_forbidden_for_the_place_is_denied if {
	listed := object.union(testing.signer({"debug": true}), {"origins": {"native": {"debug": false}}})
	codes(answered({"debug": "on"}, listed).deny) == ["origin_debug"]
	inside := object.union(testing.signer({"debug": true}), {"vms": {"vm-1": {"debug": false}}})
	guest := object.union(asking({"debug": "on"}), {"origin": {"vm": {"id": "vm-1", "name": null}}})
	answer := enclave.create with input as guest with data.launchgate as inside
	codes(answer.deny) == ["vm_debug"]
}

test_who_may_launch_in_a_place_is_not_judged_yet if {
	answered({}, testing.site({"origins": {"native": {"mrsigners": {}, "mrenclaves": {}}}})).allow == true
}

test_another_hook_or_no_data_is_not_allowed if {
	other := enclave.create with input as object.union(asking({}), {"hook": "enclave_init"})
		with data.launchgate as testing.profile("open")
	other.allow == false
	answered({}, {}).allow == false
	answered({"debug": null}, testing.profile("open")).allow == false
}
