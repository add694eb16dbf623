package launch.verdict_test

import data.launch.verdict
import data.lib.testing

found := {{"code": "signer_not_listed"}, {"code": "debug_on"}}

lifting := {"exceptions": {"x": {
	"rule": "debug_on",
	"match": {"origin": "native"},
	"reason": "test",
	"expires": testing.now + 1,
}}}

denied(site) := codes if {
	codes := testing.codes(verdict.denials(found)) with input as testing.ordinary with data.launchgate as site
}

warned(site) := codes if {
	codes := testing.codes(verdict.warnings(found)) with input as testing.ordinary with data.launchgate as site
}

test_every_violation_denies_or_is_warned_of if {
	denied(testing.profile("strict")) == {"signer_not_listed", "debug_on"}
	warned(testing.profile("strict")) == set()
	denied(testing.profile("baseline")) == {"debug_on"}
	warned(testing.profile("baseline")) == {"signer_not_listed"}
	denied(testing.profile("open")) == set()
	warned(testing.profile("open")) == {"signer_not_listed", "debug_on"}
}

test_without_a_known_profile_every_violation_denies if {
	denied({}) == {"signer_not_listed", "debug_on"}
}

test_a_violation_without_a_code_denies if {
	every name in ["strict", "baseline", "open"] {
		count(verdict.denials({{"message": "?"}})) == 1 with input as testing.ordinary
			with data.launchgate as testing.profile(name)
	}
}

test_what_an_exception_lifts_is_warned_of_as_that if {
	denied(testing.site(lifting)) == {"signer_not_listed"}
	warned(testing.site(lifting)) == {"exception_used"}
}
