package launch.standard_test

import data.launch
import data.launch.standard
import data.lib.testing

later := testing.now + 1

answered(event, site) := answer if {
	answer := standard.answer with input as event with data.launchgate as site
}

nothing := {"allow": true, "deny": set(), "warn": set()}

codes(items) := sort([item.code | some item in items])

test_a_listed_enclave_is_allowed if {
	answered(testing.ordinary, testing.signer({})) == nothing
	answered(testing.ordinary, testing.measurement({})) == nothing
}

test_the_decision_is_the_standard_answer if {
	launch.decision == nothing with input as testing.ordinary with data.launchgate as testing.signer({})
}

test_what_is_not_listed_is_denied_under_strict_only if {
	answered(testing.ordinary, testing.empty) == {
		"allow": false,
		"deny": {{
			"code": "signer_not_listed",
			"message": concat("", ["signer ", testing.mrsigner, " is not listed"]),
		}},
		"warn": set(),
	}
	answered(testing.ordinary, testing.profile("baseline")) == nothing
	codes(answered(testing.ordinary, testing.profile("open")).warn) == ["signer_not_listed"]
}

test_without_data_nothing_is_allowed if {
	standard.allow == false with input as testing.ordinary with data.launchgate as {}
	every key, _ in testing.empty {
		every listed in [testing.signer({}), testing.profile("baseline"), testing.profile("open")] {
			standard.allow == false with input as testing.ordinary with data.launchgate as object.remove(listed, [key])
		}
	}
}

test_an_event_that_lacks_a_fact_is_not_allowed if {
	every key in ["hook", "time", "origin", "enclave"] {
		every name in ["baseline", "open"] {
			standard.allow == false with input as object.remove(testing.ordinary, [key])
				with data.launchgate as testing.profile(name)
		}
	}
	every key in ["mrsigner", "mrenclave", "isvprodid", "isvsvn", "isvfamilyid", "isvextprodid", "bits"] {
		enclave := object.remove(testing.ordinary.enclave, [key])
		lacking := object.union(object.remove(testing.ordinary, ["enclave"]), {"enclave": enclave})
		standard.allow == false with input as lacking with data.launchgate as testing.profile("open")
	}
}

test_another_hook_is_not_allowed if {
	every hook in ["enclave_create", "enclave_provision", "vm_epc", "vm_provision", null] {
		standard.allow == false with input as testing.event({"hook": hook}) with data.launchgate as testing.profile("open")
	}
}

test_nothing_is_read_of_the_signature if {
	every signature in ["valid", "invalid", "unchecked"] {
		answered(testing.event({"sigstruct": {"signature": signature}}), testing.signer({})) == nothing
	}
}

test_a_guest_gets_the_answer_of_the_host if {
	every site in [testing.empty, testing.signer({}), testing.profile("baseline"), testing.profile("open")] {
		every changes in [{}, {"debug": "on"}, {"debug_launchable": true}, {"provisionkey": "unknown"}] {
			answered(testing.guest("vm-1", changes), site) == answered(testing.enclave(changes), site)
		}
	}
}

test_every_question_is_asked if {
	worst := object.union(
		testing.guest("vm-1", {
			"debug": "on",
			"provisionkey": "on",
			"einittokenkey": "on",
			"bits": {"kss": "on"},
			"signer": {"name": "sample key", "key_is_public": true},
		}),
		{
			"token": {"valid": true, "mismatches": ["mrenclave"]},
			"platform": {"lepubkeyhash": testing.other},
		},
	)
	site := testing.site({
		"mrenclaves": {testing.mrenclave: {"name": "app", "isvprodid": 8}},
		"revoked": {"mrsigners": {testing.mrsigner: {"reason": "stolen"}}},
		"attributes": {"forbid": {"kss": {"reason": "test"}}},
		"origins": {"kvm": {"enabled": false}},
		"vms": {"vm-1": {"enabled": false}},
	})
	codes(answered(worst, site).deny) == [
		"attribute_forbidden",
		"debug_on",
		"einittokenkey_not_listed",
		"lepubkeyhash_none_listed",
		"mrenclave_product_mismatch",
		"mrsigner_revoked",
		"origin_disabled",
		"provisionkey_not_granted",
		"provisionkey_not_listed",
		"signer_key_public",
		"signer_not_listed",
		"token_mismatch",
		"vm_disabled",
	]
}

test_messages_stay_short_whatever_they_tell if {
	site := testing.site({
		"mrenclaves": {testing.mrenclave: {"name": testing.long, "isvprodid": 8}},
		"revoked": {"mrsigners": {testing.mrsigner: {"reason": testing.long}}},
		"vms": {testing.long: {"enabled": false}},
	})
	every found in answered(testing.guest(testing.long, {}), site).deny {
		count(found.message) <= 1024
	}
}

test_an_exception_allows_with_a_warning if {
	excepting := object.union(testing.signer({"not_after": 1}), {"exceptions": {"x": {
		"rule": "signer_expired",
		"match": {"mrsigner": testing.mrsigner},
		"reason": "renewal is on its way",
		"expires": later,
	}}})
	answer := answered(testing.ordinary, excepting)
	answer.allow == true
	answer.deny == set()
	codes(answer.warn) == ["exception_used"]
}

test_an_exception_for_a_signer_that_is_not_listed_allows if {
	excepting := testing.site({"exceptions": {"x": {
		"rule": "signer_not_listed",
		"match": {"mrenclave": testing.mrenclave},
		"reason": "trial",
		"expires": later,
	}}})
	answer := answered(testing.ordinary, excepting)
	answer.allow == true
	codes(answer.warn) == ["exception_used"]
}

test_an_exception_of_the_debug_denial_admits_nobody if {
	excepting := testing.site({"exceptions": {"x": {
		"rule": "debug_on",
		"match": {"mrenclave": testing.mrenclave},
		"reason": "trial",
		"expires": later,
	}}})
	answer := answered(testing.enclave({"debug": "on"}), excepting)
	answer.allow == false
	codes(answer.deny) == ["signer_not_listed"]
	codes(answer.warn) == ["exception_used"]
}
