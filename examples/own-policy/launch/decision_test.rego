# METADATA
# title: Tests of the launch decision
# description: Each says what it changes in one ordinary launch in the VM web-1, of an enclave that is listed.
package launch_test

import data.launch

mrsigner := "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

mrenclave := "5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a"

web := {"kind": "kvm", "enforcement": "none", "process": null, "vm": {"id": "web-1", "name": null}, "guest": null}

host := {"kind": "native", "enforcement": "kernel", "process": null, "vm": null, "guest": null}

launched(origin, enclave) := {
	"v": 1,
	"hook": "enclave_init",
	"id": null,
	"time": 1795300000,
	"origin": origin,
	"platform": {"flc": true, "lepubkeyhash": null},
	"grants": {"provisionkey": {"granted": false, "how": null}},
	"sigstruct": {"signature": "unchecked"},
	"token": null,
	"secs": null,
	"enclave": object.union(
		{
			"mrenclave": mrenclave,
			"mrsigner": mrsigner,
			"isvprodid": 7,
			"isvsvn": 2,
			"isvfamilyid": "00000000000000000000000000000000",
			"isvextprodid": "00000000000000000000000000000000",
			"debug": "off",
			"provisionkey": "off",
			"einittokenkey": "off",
			"kss": "off",
			"bits": {"debug": "off", "mode64bit": "on", "provisionkey": "off", "einittokenkey": "off", "kss": "off"},
			"debug_launchable": false,
			"signer": null,
		},
		enclave,
	),
	"deadline_ms": null,
	"synthetic": true,
}

# METADATA
# title: The codes of the denial of a launch in this VM
denied(vm, enclave) := codes if {
	inside := object.union(web, {"vm": {"id": vm, "name": null}})
	denials := launch.decision.deny with input as launched(inside, enclave)
	codes := {reason.code | some reason in denials}
}

test_the_vms_product_launches if {
	launch.decision.allow with input as launched(web, {})
	denied("web-1", {}) == set()
}

test_another_product_does_not_launch if {
	denied("web-1", {"isvprodid": 9}) == {"fleet_product"}
	denied("pay-1", {"isvprodid": 9}) == set()
}

test_an_older_release_does_not_launch if {
	denied("web-1", {"isvsvn": 1}) == {"fleet_isvsvn"}
	denied("pay-1", {"isvsvn": 2}) == {"fleet_isvsvn"}
	denied("pay-1", {"isvsvn": 3}) == set()
}

test_nothing_launches_in_a_vm_that_nobody_named if {
	denied("stranger", {}) == {"fleet_product"}
	nowhere := object.union(web, {"vm": null})
	not launch.decision.allow with input as launched(nowhere, {})
}

test_a_product_without_a_minimum_does_not_launch if {
	codes := denied("web-1", {}) with data.fleet.vms as {"web-1": {"products": {"7": {"name": "session keys"}}}}
	codes == {"fleet_isvsvn"}
}

test_debugging_stays_in_the_lab if {
	every debug in ["on", "unknown"] {
		denied("web-1", {"debug": debug}) == {"fleet_debug"}
		denied("lab-1", {"debug": debug}) == set()
	}
}

test_the_host_launches_what_is_listed_and_does_not_debug if {
	launch.decision.allow with input as launched(host, {})
	not launch.decision.allow with input as launched(host, {"debug": "on"})
}

test_the_standard_policy_still_holds if {
	denied("lab-1", {"mrenclave": "eeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee"}) == {"signer_not_listed"}
}
