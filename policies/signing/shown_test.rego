package signing.shown_test

import data.signing.shown
import data.signing.testing

fields := [
	shown.header,
	shown.header2,
	shown.vendor,
	shown.exponent,
	shown.date,
	shown.miscmask,
	shown.flags,
	shown.xfrm,
	shown.min_isvsvn,
	shown.signer,
	shown.before_mrsigner,
	shown.before_isvprodid,
	shown.before_isvsvn,
	shown.before_date,
]

test_fields_are_shown_as_texts if {
	fields == [
		"06000000e10000000000010000000000",
		"01010000600000006000000001000000",
		"0",
		"3",
		"20261101",
		"0xffffffff",
		"0x0000000000000004",
		"0x0000000000000003",
		"2",
		"sample key",
		testing.mrsigner,
		"7",
		"3",
		"20261101",
	] with input as object.union(testing.beside({}), {"enclave": {"signer": {"name": "sample key"}}})
		with data.launchgate as testing.site({"min_isvsvn": 2})
}

test_what_is_not_there_is_shown_as_well if {
	every event in [{}, {"sigstruct": null, "enclave": null, "baseline": null}] {
		every field in fields {
			field in {"unknown", "without a name"}
		} with input as event with data.launchgate as {}
	}
	shown.words(["a", 7]) == ["a", "unknown"]
}
