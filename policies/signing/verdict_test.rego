package signing.verdict_test

import data.signing.testing
import data.signing.verdict

found := {
	"violation": {{"code": "v", "message": "no"}},
	"deny": {{"code": "d", "message": "no"}},
	"warn": {{"code": "w", "message": "hm"}},
}

denied(site) := codes if {
	codes := testing.codes(verdict.denials(found)) with input as testing.release with data.launchgate as site
}

warned(site) := codes if {
	codes := testing.codes(verdict.warnings(found)) with input as testing.release with data.launchgate as site
}

levels(rules) := testing.site({"rules": rules})

test_each_has_its_usual_level if {
	denied(testing.empty) == {"v", "d"}
	warned(testing.empty) == {"w"}
	denied({}) == {"v", "d"}
	warned({}) == {"w"}
}

test_the_data_document_changes_levels if {
	denied(levels({"d": "warn"})) == {"v"}
	warned(levels({"d": "warn"})) == {"d", "w"}
	denied(levels({"w": "deny"})) == {"v", "d", "w"}
	warned(levels({"w": "deny"})) == set()
	denied(levels({"d": "deny", "w": "warn"})) == {"v", "d"}
	warned(levels({"d": "deny", "w": "warn"})) == {"w"}
}

test_a_level_that_is_none_changes_nothing if {
	denied(levels({"d": "off", "w": "off"})) == {"v", "d"}
	warned(levels({"d": "off", "w": "off"})) == {"w"}
}

test_a_changed_level_says_so if {
	{"code": "d", "message": "no", "usually": "deny"} in verdict.warnings(found) with input as testing.release
		with data.launchgate as levels({"d": "warn"})
	{"code": "w", "message": "hm", "usually": "warn"} in verdict.denials(found) with input as testing.release
		with data.launchgate as levels({"w": "deny"})
}

test_what_is_ignored_is_said if {
	denied(levels({"d": "ignore"})) == {"v"}
	verdict.warnings(found) == {
		{"code": "w", "message": "hm"},
		{"code": "rule_ignored", "message": "d is ignored by the data document: no", "rule": "d"},
	} with input as testing.release with data.launchgate as levels({"d": "ignore"})
	warned(levels({"w": "ignore"})) == {"rule_ignored"}
}

test_a_violation_is_never_lowered_nor_lifted if {
	denied(levels({"v": "ignore"})) == {"v", "d"}
	denied(levels({"v": "warn"})) == {"v", "d"}
	denied(testing.excepting("v", testing.now + 1)) == {"v", "d"}
	warned(testing.excepting("v", testing.now + 1)) == {"w"}
}

test_an_exception_lifts_what_it_names_and_is_said if {
	denied(testing.excepting("d", testing.now + 1)) == {"v"}
	warned(testing.excepting("d", testing.now + 1)) == {"w", "exception_used"}
	denied(testing.excepting("w", testing.now + 1)) == {"v", "d"}
	warned(testing.excepting("w", testing.now + 1)) == {"exception_used"}
}

test_an_exception_that_has_expired_lifts_nothing_and_is_said if {
	denied(testing.excepting("d", testing.now)) == {"v", "d"}
	warned(testing.excepting("d", testing.now)) == {"w", "exception_expired"}
}

test_an_exception_goes_before_ignoring if {
	both := object.union(testing.excepting("d", testing.now + 1), {"signing": {"rules": {"d": "ignore"}}})
	denied(both) == {"v"}
	warned(both) == {"w", "exception_used"}
}
