package launch.token_test

import data.launch.token
import data.lib.testing

found(passed) := codes if {
	codes := testing.codes(token.violation) with input as testing.event({"token": passed})
}

test_no_token_is_no_concern if {
	found(null) == set()
}

test_a_token_that_is_not_valid_is_no_concern if {
	found({"valid": false, "mismatches": ["mrenclave"]}) == set()
}

test_a_valid_token_has_to_fit if {
	found({"valid": true, "mismatches": []}) == set()
	every field in ["mrenclave", "mrsigner", "attributes", "debug", "reserved"] {
		found({"valid": true, "mismatches": [field]}) == {"token_mismatch"}
	}
}

test_what_does_not_fit_is_named if {
	some violation in token.violation with input as testing.event({"token": {
		"valid": true,
		"mismatches": ["mrenclave", "debug"],
	}})
	violation.message == "the launch token does not fit: mrenclave, debug"
}

test_a_valid_token_of_unknown_fit_does_not_fit if {
	found({"valid": true}) == {"token_mismatch"}
	found({"valid": true, "mismatches": [7]}) == {"token_mismatch"}
}
