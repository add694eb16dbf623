package lib.text_test

import data.lib.testing
import data.lib.text

test_an_ordinary_event_is_told_by_its_fields if {
	event := testing.guest("vm-1", {})
	text.mrsigner == testing.mrsigner with input as event
	text.mrenclave == testing.mrenclave with input as event
	text.isvprodid == "7" with input as event
	text.isvsvn == "3" with input as event
	text.origin == "kvm" with input as event
	text.vm == "vm-1" with input as event
}

test_an_event_of_the_wrong_shape_still_has_text if {
	some event in [null, {}, {"enclave": null, "origin": null}, {"enclave": {"mrsigner": null, "isvsvn": "3"}}]
	every rule in ["mrsigner", "mrenclave", "isvprodid", "isvsvn", "origin", "vm"] {
		text[rule] == "unknown" with input as event
	}
}

test_text_from_outside_is_cut if {
	count(text.short(testing.long)) == 200
	count(text.name({"name": testing.long})) == 200
	count(text.reason({"reason": testing.long})) == 200
	count(text.vm) == 200 with input as testing.guest(testing.long, {})
}

test_what_is_no_text_has_text if {
	text.short(7) == "unknown"
	text.number(7) == "7"
	text.number("7") == "unknown"
	text.name({}) == "without a name"
	text.reason({}) == "no reason given"
}
