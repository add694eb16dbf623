package launch.provisionkey_test

import data.launch.provisionkey
import data.lib.testing

found(state, granted, listed) := codes if {
	asking := object.union(
		testing.enclave({"provisionkey": state}),
		{"grants": {"provisionkey": {"granted": granted}}},
	)
	codes := testing.codes(provisionkey.violation) with input as asking with data.launchgate as listed
}

test_the_key_takes_a_listing_and_a_grant if {
	listed := testing.signer({"provisionkey": true})
	found("on", true, listed) == set()
	found("on", false, listed) == {"provisionkey_not_granted"}
	found("on", true, testing.empty) == {"provisionkey_not_listed"}
	found("on", false, testing.empty) == {"provisionkey_not_listed", "provisionkey_not_granted"}
}

test_what_is_not_known_counts_as_on if {
	listed := testing.signer({"provisionkey": true})
	every state in ["unknown", null] {
		found(state, true, listed) == set()
		found(state, false, listed) == {"provisionkey_not_granted"}
		found(state, true, testing.empty) == {"provisionkey_unknown"}
	}
}

test_off_needs_nothing if {
	found("off", false, testing.empty) == set()
}
