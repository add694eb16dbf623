package signing.baseline_test

import data.signing.baseline
import data.signing.testing

denied(changes) := codes if {
	codes := testing.codes(baseline.deny | baseline.violation) with input as testing.beside(changes)
}

warned(changes) := codes if {
	codes := testing.codes(baseline.warn) with input as testing.beside(changes)
}

test_the_same_again_is_no_change if {
	denied({}) == set()
	warned({}) == set()
}

test_without_a_baseline_nothing_changed if {
(baseline.deny | baseline.warn) | baseline.violation == set() with input as testing.release}

test_a_baseline_that_does_not_verify_is_a_violation if {
	baseline.violation == {{
		"code": "baseline_invalid",
		"message": "the signature of the baseline does not verify",
	}} with input as testing.beside({"sigstruct": {"signature": "invalid"}})
}

test_what_parts_a_release_from_the_last_denies if {
	denied({"enclave": {"mrsigner": testing.other}}) == {"signer_changed"}
	denied({"enclave": {"isvprodid": 8}}) == {"isvprodid_changed"}
	denied({"enclave": {"isvsvn": 4}}) == {"isvsvn_decreased"}
	denied({"enclave": {"isvsvn": 2}}) == set()
	denied({"unmasked": ["debug"]}) == {"mask_weakened"}
}

test_what_is_not_signed_has_no_signer_to_compare if {
	denied({"enclave": {"mrsigner": null}}) == set()
}

test_what_a_reviewer_should_know_is_warned_of if {
	warned({"enclave": {"mrenclave": testing.other}}) == {"isvsvn_unchanged"}
	warned({"enclave": {"mrenclave": testing.other, "isvsvn": 2}}) == set()
	warned({"gained": ["provisionkey"]}) == {"attribute_gained"}
	warned({"sigstruct": {"date_unix": 1793491201}}) == {"date_went_back"}
	warned({"sigstruct": {"date_unix": 1793491199}}) == set()
	warned({"sigstruct": {"date_unix": null}}) == set()
}

test_the_bits_are_named if {
	some item in baseline.deny with input as testing.beside({"unmasked": ["debug", "flags 0x00ff000000000000"]})
	item.message == "no longer enforced: debug, flags 0x00ff000000000000"
	item.bits == ["debug", "flags 0x00ff000000000000"]
}
