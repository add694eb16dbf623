package launch.vm_test

import data.launch.vm
import data.lib.testing

found(place, changes) := codes if {
	codes := testing.codes(vm.violation) with input as testing.guest("vm-1", changes)
		with data.launchgate as testing.site({"vms": {"vm-1": place}})
}

test_no_restriction_objects_to_nothing if {
	found({}, {"debug": "on"}) == set()
	found({"enabled": true, "debug": true, "provisionkey": true, "einittokenkey": true}, {"debug": "on"}) == set()
	vm.violation == set() with input as testing.ordinary with data.launchgate as testing.empty
}

test_what_holds_for_another_is_no_concern if {
	elsewhere := {"other": {"enabled": false}}
	vm.violation == set() with input as testing.guest("vm-1", {}) with data.launchgate as testing.site({"vms": elsewhere})
}

test_what_is_closed_lets_nobody_launch if {
	found({"enabled": false}, {}) == {"vm_disabled"}
}

test_a_forbidden_attribute_has_to_be_known_to_be_off if {
	every bit in ["debug", "provisionkey", "einittokenkey"] {
		found({bit: false}, {bit: "off"}) == set()
		every state in ["on", "unknown", null] {
			found({bit: false}, {bit: state}) == {concat("_", ["vm", bit])}
		}
	}
}

test_only_listed_signers_and_measurements_launch_where_any_are_listed if {
	found({"mrsigners": {testing.mrsigner: {}}, "mrenclaves": {testing.mrenclave: {}}}, {}) == set()
	found({"mrsigners": {}}, {}) == {"vm_signer_not_listed"}
	found({"mrenclaves": {}}, {}) == {"vm_mrenclave_not_listed"}
}

test_the_enforcement_has_to_be_listed_where_any_is if {
	found({"enforcement": {"kernel": {}}}, {}) == set()
	found({"enforcement": {"seccomp": {}}}, {}) == {"vm_enforcement"}
}
