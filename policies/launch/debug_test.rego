package launch.debug_test

import data.launch.debug
import data.lib.testing

found(changes, listed) := codes if {
	codes := testing.codes(debug.violation) with input as testing.enclave(changes) with data.launchgate as listed
}

warned(changes) := codes if {
	codes := testing.codes(debug.warning) with input as testing.enclave(changes) with data.launchgate as testing.empty
}

test_debug_takes_a_listing if {
	found({"debug": "on"}, testing.signer({})) == {"debug_on"}
	found({"debug": "on"}, testing.signer({"debug": true})) == set()
	found({"debug": "unknown"}, testing.signer({})) == {"debug_unknown"}
	found({"debug": "unknown"}, testing.signer({"debug": true})) == set()
	found({"debug": "off"}, testing.empty) == set()
}

test_what_is_neither_on_nor_off_is_unknown if {
	found({"debug": null}, testing.empty) == {"debug_unknown"}
	testing.codes(debug.violation) == {"debug_unknown"} with input as {} with data.launchgate as testing.empty
}

test_an_enclave_that_could_be_debugged_is_warned_of if {
	warned({"debug_launchable": true}) == {"debug_launchable"}
	warned({"debug_launchable": false}) == set()
	warned({"debug_launchable": true, "debug": "on"}) == set()
	warned({"debug_launchable": true, "debug": "unknown"}) == set()
}
