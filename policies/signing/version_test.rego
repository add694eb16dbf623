package signing.version_test

import data.signing.testing
import data.signing.version

test_what_was_left_at_0_is_warned_of if {
	testing.codes(version.warn) == {"isvsvn_zero"} with input as testing.enclave({"isvsvn": 0})
	testing.codes(version.warn) == {"isvprodid_zero"} with input as testing.enclave({"isvprodid": 0})
	version.warn == set() with input as testing.release
}

test_a_version_below_the_minimum_denies if {
	version.deny == {{
		"code": "isvsvn_below_minimum",
		"message": "ISVSVN is 3, expected at least 4",
	}} with input as testing.release with data.launchgate as testing.site({"min_isvsvn": 4})
	version.deny == set() with input as testing.release with data.launchgate as testing.site({"min_isvsvn": 3})
	version.deny == set() with input as testing.release with data.launchgate as testing.empty
}
