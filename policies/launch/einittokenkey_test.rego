package launch.einittokenkey_test

import data.launch.einittokenkey
import data.lib.testing

found(state, listed) := codes if {
	codes := testing.codes(einittokenkey.violation) with input as testing.enclave({"einittokenkey": state})
		with data.launchgate as listed
}

test_the_key_takes_a_listing if {
	found("on", testing.empty) == {"einittokenkey_not_listed"}
	found("on", testing.signer({"einittokenkey": true})) == set()
	found("on", testing.measurement({"einittokenkey": true})) == set()
}

test_what_is_not_known_counts_as_on if {
	every state in ["unknown", null] {
		found(state, testing.empty) == {"einittokenkey_unknown"}
		found(state, testing.signer({"einittokenkey": true})) == set()
	}
}

test_off_needs_nothing if {
	found("off", testing.empty) == set()
}
