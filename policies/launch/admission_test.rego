package launch.admission_test

import data.launch.admission
import data.lib.testing

excepted(rule) := {"exceptions": {"x": {
	"rule": rule,
	"match": {"origin": "native"},
	"reason": "test",
	"expires": testing.now + 1,
}}}

test_a_listing_admits_and_grants_its_flags if {
	every listed in [testing.signer({"debug": true}), testing.measurement({"debug": true})] {
		admission.admitted with input as testing.ordinary with data.launchgate as listed
		admission.grants("debug") with input as testing.ordinary with data.launchgate as listed
		not admission.grants("provisionkey") with input as testing.ordinary with data.launchgate as listed
	}
}

test_a_listing_that_does_not_hold_neither_admits_nor_grants if {
	every listed in [
		testing.signer({"debug": true, "not_after": 1}),
		testing.measurement({"debug": true, "not_after": 1}),
	] {
		not admission.admitted with input as testing.ordinary with data.launchgate as listed
		not admission.grants("debug") with input as testing.ordinary with data.launchgate as listed
	}
}

test_nothing_listed_admits_nothing_under_strict if {
	not admission.admitted with input as testing.ordinary with data.launchgate as testing.empty
}

test_baseline_admits_whom_nobody_has_listed if {
	baseline := testing.profile("baseline")
	admission.admitted with input as testing.ordinary with data.launchgate as baseline
	not admission.admitted with input as testing.enclave({"mrsigner": null}) with data.launchgate as baseline
	not admission.admitted with input as testing.enclave({"mrenclave": null}) with data.launchgate as baseline
	every listed in [testing.signer({"not_after": 1}), testing.measurement({"not_after": 1})] {
		not admission.admitted with input as testing.ordinary
			with data.launchgate as object.union(listed, {"profile": "baseline"})
	}
}

test_open_admits_everybody if {
	admission.admitted with input as testing.ordinary with data.launchgate as testing.profile("open")
}

test_an_exception_for_what_a_listing_lacks_makes_it_hold if {
	signer := object.union(testing.signer({"debug": true, "not_after": 1}), excepted("signer_expired"))
	measurement := object.union(testing.measurement({"debug": true, "not_after": 1}), excepted("mrenclave_expired"))
	every listed in [signer, measurement] {
		admission.admitted with input as testing.ordinary with data.launchgate as listed
		admission.grants("debug") with input as testing.ordinary with data.launchgate as listed
	}
}

test_an_exception_for_something_else_does_not if {
	every listed in [testing.signer({"not_after": 1}), testing.measurement({"not_after": 1})] {
		excepting := object.union(listed, excepted("debug_on"))
		not admission.admitted with input as testing.ordinary with data.launchgate as excepting
	}
}

test_an_exception_admits_a_signer_that_is_not_listed_and_grants_nothing if {
	listed := testing.site(excepted("signer_not_listed"))
	admission.admitted with input as testing.ordinary with data.launchgate as listed
	not admission.grants("debug") with input as testing.ordinary with data.launchgate as listed
}

test_what_some_listing_grants_is_known_without_a_signer if {
	every flag in ["debug", "provisionkey", "einittokenkey"] {
		admission.grants_anybody(flag) with data.launchgate as testing.signer({flag: true})
		admission.grants_anybody(flag) with data.launchgate as testing.measurement({flag: true})
		not admission.grants_anybody(flag) with data.launchgate as testing.signer({flag: false})
		not admission.grants_anybody(flag) with data.launchgate as testing.empty
	}
}
