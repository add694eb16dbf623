package signing.debug_test

import data.signing.debug
import data.signing.testing

messages(changes) := found if {
	found := {item.message | some item in debug.deny} with input as testing.enclave(changes)
}

test_what_can_be_launched_with_debug_denies if {
	messages({"debug": "off", "debug_launchable": false}) == set()
	messages({"debug": "unknown", "debug_launchable": true}) == {concat("", [
		"measurement ",
		testing.mrenclave,
		" can be launched with DEBUG=1: ATTRIBUTEMASK leaves the bit free",
	])}
	messages({"debug": "on", "debug_launchable": true}) == {concat("", [
		"measurement ",
		testing.mrenclave,
		" is always launched with DEBUG=1: ATTRIBUTES demands it",
	])}
}

test_all_of_it_has_one_code if {
	every word in ["on", "unknown"] {
		testing.codes(debug.deny) == {"debug_launchable"} with input as testing.enclave({"debug": word, "debug_launchable": true})
	}
}
