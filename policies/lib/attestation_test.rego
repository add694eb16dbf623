package lib.attestation_test

import data.lib.attestation
import data.lib.testing

secs := {
	"attributes": {"flags": "0x0000000000000006", "xfrm": "0x00000000000000e7", "bits": {}},
	"attributes_known": {"flags": "0xffffffffffffffff", "xfrm": "0xffffffffffffffff"},
	"attributes_allowed": null,
	"miscselect": "0x00000001",
	"miscselect_known": "0xffffffff",
	"cet_attributes": "0x00",
	"configid": "c0",
	"configsvn": 5,
	"size": null,
}

known := object.union(testing.enclave({"debug": "on", "kss": "on", "isvextprodid": "x", "isvfamilyid": "f"}), {"secs": secs})

test_everything_known_has_every_name if {
	attestation.sgx == {
		"sgx_mrsigner": testing.mrsigner,
		"sgx_mrenclave": testing.mrenclave,
		"sgx_isvprodid": 7,
		"sgx_isvsvn": 3,
		"sgx_is_debuggable": true,
		"sgx_debug_launchable": false,
		"sgx_isvextprodid": "x",
		"sgx_isvfamilyid": "f",
		"sgx_configid": "c0",
		"sgx_configsvn": 5,
		"sgx_attributes": "00000000000000e70000000000000007",
		"sgx_miscselect": "00000001",
	} with input as known
	attestation.maa == {
		"x-ms-sgx-mrsigner": testing.mrsigner,
		"x-ms-sgx-mrenclave": testing.mrenclave,
		"x-ms-sgx-product-id": 7,
		"x-ms-sgx-svn": 3,
		"x-ms-sgx-is-debuggable": true,
		"x-ms-sgx-isv-extended-product-id": "x",
		"x-ms-sgx-isv-family-id": "f",
		"x-ms-sgx-config-id": "c0",
		"x-ms-sgx-config-svn": 5,
	} with input as known
}

test_what_is_not_known_is_left_out if {
	unknown := testing.enclave({"debug": "unknown", "debug_launchable": null, "kss": "unknown"})
	object.keys(attestation.sgx) == {"sgx_mrsigner", "sgx_mrenclave", "sgx_isvprodid", "sgx_isvsvn"} with input as unknown
	not "x-ms-sgx-is-debuggable" in object.keys(attestation.maa) with input as unknown
}

test_an_event_without_an_enclave_is_an_empty_view if {
	count(attestation.sgx) == 0 with input as testing.event({"enclave": null})
	count(attestation.maa) == 0 with input as testing.event({"enclave": null})
}

test_debuggable_is_false_only_where_debug_is_known_to_be_off if {
	attestation.sgx_is_debuggable == false with input as testing.ordinary
}

test_half_known_attributes_are_left_out if {
	every name in ["flags", "xfrm"] {
		half := object.union(known, {"secs": {"attributes_known": {name: "0xfffffffffffffffd"}}})
		not attestation.sgx_attributes with input as half
	}
	half := object.union(known, {"secs": {"miscselect_known": "0xfffffffe"}})
	not attestation.sgx_miscselect with input as half
}
