package launch.attributes_test

import data.launch.attributes
import data.lib.testing

why := {"reason": "test"}

found(lists, bits) := codes if {
	codes := testing.codes(attributes.violation) with input as testing.enclave({"bits": bits})
		with data.launchgate as testing.site({"attributes": lists})
}

test_no_list_objects_to_nothing if {
	found({}, {}) == set()
}

test_a_forbidden_bit_has_to_be_off if {
	found({"forbid": {"kss": why}}, {"kss": "off"}) == set()
	found({"forbid": {"kss": why}}, {"kss": "on"}) == {"attribute_forbidden"}
	found({"forbid": {"kss": why}}, {"kss": "unknown"}) == {"attribute_forbidden_unknown"}
	found({"forbid": {"xtiledata": why}}, {"xtiledata": "on"}) == {"attribute_forbidden"}
	found({"forbid": {"xtiledata": why}}, {"xtiledata": "unknown"}) == {"attribute_forbidden_unknown"}
}

test_a_required_bit_has_to_be_on if {
	found({"require": {"mode64bit": why}}, {"mode64bit": "on"}) == set()
	found({"require": {"mode64bit": why}}, {"mode64bit": "off"}) == {"attribute_required"}
	found({"require": {"mode64bit": why}}, {"mode64bit": "unknown"}) == {"attribute_required_unknown"}
	found({"require": {"avx": why}}, {"avx": "off"}) == {"attribute_required"}
	found({"require": {"avx": why}}, {"avx": "unknown"}) == {"attribute_required_unknown"}
}

test_a_bit_that_is_missing_is_unknown if {
	found({"forbid": {"cet": why}}, {"cet": null}) == {"attribute_forbidden_unknown"}
	testing.codes(attributes.violation) == {"attribute_required_unknown"} with input as testing.event({"enclave": null})
		with data.launchgate as testing.site({"attributes": {"require": {"cet": why}}})
}

test_every_bit_is_named if {
	count(attributes.violation) == 2 with input as testing.enclave({"bits": {"kss": "on", "cet": "on"}})
		with data.launchgate as testing.site({"attributes": {"forbid": {"kss": why, "cet": why}}})
}
