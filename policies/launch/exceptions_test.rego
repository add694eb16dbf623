package launch.exceptions_test

import data.launch.exceptions
import data.lib.testing

exception(rule, match, expires) := testing.site({"exceptions": {"x-1": {
	"rule": rule,
	"match": match,
	"reason": "until the rebuild",
	"expires": expires,
}}})

later := testing.now + 1

event := testing.guest("vm-1", {})

test_an_exception_lifts_where_all_it_names_is_equal if {
	every match in [
		{"mrsigner": testing.mrsigner},
		{"mrenclave": testing.mrenclave},
		{"isvprodid": 7},
		{"origin": "kvm"},
		{"vm": "vm-1"},
		{"mrsigner": testing.mrsigner, "mrenclave": testing.mrenclave, "isvprodid": 7, "origin": "kvm", "vm": "vm-1"},
	] {
		exceptions.lifted == {"debug_on"} with input as event with data.launchgate as exception("debug_on", match, later)
	}
}

test_an_exception_lifts_nothing_where_anything_it_names_differs if {
	every match in [
		{"mrsigner": testing.other},
		{"mrenclave": testing.other},
		{"isvprodid": 8},
		{"origin": "native"},
		{"vm": "vm-2"},
		{"origin": "kvm", "vm": "vm-2"},
		{"somebody": "else"},
		{},
	] {
		exceptions.lifted == set() with input as event with data.launchgate as exception("debug_on", match, later)
	}
}

test_an_exception_that_names_a_vm_lifts_nothing_outside_of_one if {
	exceptions.lifted == set() with input as testing.ordinary
		with data.launchgate as exception("debug_on", {"vm": "vm-1"}, later)
}

test_an_exception_ends_when_it_expires if {
	exceptions.lifted == set() with input as event
		with data.launchgate as exception("debug_on", {"vm": "vm-1"}, testing.now)
}

test_no_exception_lifts_a_revocation if {
	every rule in exceptions.unliftable {
		over := exception(rule, {"vm": "vm-1"}, later)
		gone := exception(rule, {"vm": "vm-1"}, 1)
		exceptions.lifted == set() with input as event with data.launchgate as over
		exceptions.used({{"code": rule}}) == set() with input as event with data.launchgate as over
		exceptions.expired({{"code": rule}}) == set() with input as event with data.launchgate as gone
	}
}

test_each_use_is_warned_of if {
	exceptions.used({{"code": "debug_on"}, {"code": "token_mismatch"}}) == {{
		"code": "exception_used",
		"message": "exception x-1 lifts debug_on: until the rebuild",
		"exception": "x-1",
		"rule": "debug_on",
	}} with input as event with data.launchgate as exception("debug_on", {"vm": "vm-1"}, later)
}

test_an_exception_that_is_not_needed_is_not_warned_of if {
	data_with := exception("debug_on", {"vm": "vm-1"}, later)
	exceptions.used(set()) == set() with input as event with data.launchgate as data_with
	exceptions.expired({{"code": "debug_on"}}) == set() with input as event with data.launchgate as data_with
}

test_an_expired_exception_is_warned_of_where_it_would_have_lifted if {
	gone := exception("debug_on", {"vm": "vm-1"}, testing.now)
	exceptions.expired({{"code": "debug_on"}}) == {{
		"code": "exception_expired",
		"message": "exception x-1 for debug_on has expired",
		"exception": "x-1",
		"rule": "debug_on",
	}} with input as event with data.launchgate as gone
	exceptions.expired({{"code": "token_mismatch"}}) == set() with input as event with data.launchgate as gone
	exceptions.used({{"code": "debug_on"}}) == set() with input as event with data.launchgate as gone
}
