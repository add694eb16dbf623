package signing.format_test

import data.signing.format
import data.signing.testing

test_what_einit_refuses_at_first_look_is_a_violation if {
	every code in ["header_invalid", "header2_invalid", "vendor_invalid", "exponent_invalid", "reserved_nonzero"] {
		testing.codes(format.violation) == {code} with input as testing.finding(code)
		format.deny == set() with input as testing.finding(code)
	}
	format.violation == set() with input as testing.release
}

test_a_finding_survives_fields_that_are_not_there if {
	found := {"findings": ["header_invalid", "header2_invalid", "vendor_invalid", "exponent_invalid"]}
	count(format.violation) == 4 with input as found
}

test_what_no_rule_judges_denies if {
	format.deny == {{
		"code": "finding_unknown",
		"message": "found einit2_invalid, which this policy has no rule for",
		"finding": "einit2_invalid",
	}} with input as testing.finding("einit2_invalid")
	count(format.deny) == 1 with input as testing.finding(7)
	every code in format.judged {
		format.deny == set() with input as testing.finding(code)
	}
}
