package lib.profile_test

import data.lib.profile
import data.lib.testing

test_strict_tolerates_nothing if {
	every code, _ in profile.baseline_tolerates {
		not profile.tolerates(code) with data.launchgate as testing.profile("strict")
	}
}

test_baseline_tolerates_its_table if {
	every code, _ in profile.baseline_tolerates {
		profile.tolerates(code) with data.launchgate as testing.profile("baseline")
	}
	not profile.tolerates("debug_on") with data.launchgate as testing.profile("baseline")
}

test_open_tolerates_everything if {
	profile.tolerates("debug_on") with data.launchgate as testing.profile("open")
	profile.tolerates("mrsigner_revoked") with data.launchgate as testing.profile("open")
}

test_an_unknown_profile_tolerates_nothing_and_is_not_ready if {
	not profile.tolerates("signer_not_listed") with data.launchgate as testing.profile("lax")
	not profile.ready with data.launchgate as testing.profile("lax")
}

test_the_three_profiles_are_ready if {
	every name in ["strict", "baseline", "open"] {
		profile.ready with data.launchgate as testing.profile(name)
	}
}

test_a_document_that_lacks_a_key_is_not_ready if {
	every key, _ in testing.empty {
		not profile.ready with data.launchgate as object.remove(testing.empty, [key])
	}
	every key in ["mrenclaves", "mrsigners", "products"] {
		lacking := object.union(testing.empty, {"revoked": null})
		revoked := object.remove(testing.empty.revoked, [key])
		not profile.ready with data.launchgate as object.union(lacking, {"revoked": revoked})
	}
	every key in ["forbid", "require"] {
		lacking := object.union(testing.empty, {"attributes": null})
		attributes := object.remove(testing.empty.attributes, [key])
		not profile.ready with data.launchgate as object.union(lacking, {"attributes": attributes})
	}
	not profile.ready with data.launchgate as {}
	not profile.ready with data.launchgate as testing.site({"version": 2})
}
