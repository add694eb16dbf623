package signing.signature_test

import data.signing.signature
import data.signing.testing

test_each_part_that_does_not_hold_is_a_violation if {
	every code in ["signature_invalid", "q1_invalid", "q2_invalid"] {
		testing.codes(signature.violation) == {code} with input as testing.finding(code)
	}
	signature.violation == set() with input as testing.release
}
