package signing.standard_test

import data.signing
import data.signing.custom
import data.signing.standard
import data.signing.testing

answered(event, site) := answer if {
	answer := standard.answer with input as event with data.launchgate as site
}

nothing := {"allow": true, "deny": set(), "warn": set()}

codes(items) := [item.code | some item in items]

test_a_release_passes if {
	answered(testing.release, testing.empty) == nothing
	answered(testing.beside({}), testing.empty) == nothing
}

test_the_decision_is_the_standard_answer if {
	signing.decision == nothing with input as testing.release with data.launchgate as testing.empty
}

test_what_is_not_signed_yet_passes_with_a_warning if {
	unsigned := testing.changed({
		"signed": false,
		"sigstruct": {"signature": "absent", "mrsigner": null},
		"enclave": {"mrsigner": null},
	})
	answered(unsigned, testing.empty).allow == true
	codes(answered(unsigned, testing.empty).warn) == ["not_signed"]
}

test_without_data_nothing_passes if {
	standard.allow == false with input as testing.release with data.launchgate as {}
	every key, _ in testing.empty {
		standard.allow == false with input as testing.release with data.launchgate as object.remove(testing.empty, [key])
	}
	every key in ["rules", "mrsigners", "require"] {
		lacking := object.union(object.remove(testing.empty, ["signing"]), {"signing": object.remove(
			testing.empty.signing,
			[key],
		)})
		standard.allow == false with input as testing.release with data.launchgate as lacking
	}
}

test_the_profile_plays_no_part_but_must_be_known if {
	every name in ["strict", "baseline", "open"] {
		answered(testing.release, object.union(testing.empty, {"profile": name})) == nothing
		answered(
			testing.enclave({"debug_launchable": true}),
			object.union(testing.empty, {"profile": name}),
		).allow == false
	}
	answered(testing.release, object.union(testing.empty, {"profile": "lax"})).allow == false
}

test_an_input_that_lacks_a_fact_does_not_pass if {
	every key in ["hook", "time", "signed", "findings", "baseline", "enclave", "sigstruct"] {
		standard.allow == false with input as object.remove(testing.release, [key])
			with data.launchgate as testing.empty
	}
	every key in ["mrsigner", "mrenclave", "isvprodid", "isvsvn", "bits", "debug_launchable"] {
		enclave := object.remove(testing.release.enclave, [key])
		every lacking in [
			object.union(object.remove(testing.release, ["enclave"]), {"enclave": enclave}),
			object.union(object.remove(testing.beside({}), ["baseline"]), {"baseline": object.union(
				object.remove(testing.beside({}).baseline, ["enclave"]),
				{"enclave": enclave},
			)}),
		] {
			standard.allow == false with input as lacking with data.launchgate as testing.empty
		}
	}
}

test_a_launch_is_not_for_signers_to_judge if {
	answered(testing.changed({"hook": "enclave_init"}), testing.empty).allow == false
}

test_only_a_signature_that_holds_passes if {
	every word in ["invalid", "unchecked", "absent", null] {
		answered(testing.sigstruct({"signature": word}), testing.empty).allow == false
	}
	answered(testing.changed({"signed": false}), testing.empty).allow == false
	answered(testing.beside({"sigstruct": {"signature": "unchecked"}}), testing.empty).allow == false
}

test_every_question_is_asked if {
	worst := object.union(
		testing.beside({
			"sigstruct": {"date_unix": 1793491201, "signature": "invalid"},
			"enclave": {"isvsvn": 1, "mrsigner": testing.other},
		}),
		{
			"findings": ["header_invalid", "q1_invalid", "init_pinned", "xfrm_legacy_off", "kss_fields_without_kss", "date_zero", "x"],
			"sigstruct": {
				"attributes": {"bits": {"provisionkey": true, "cet": true}}, "attributemask": {"bits": {
					"provisionkey": false,
					"cet": false,
				}},
				"isvfamilyid": testing.mrsigner,
			},
			"enclave": {"isvsvn": 0, "debug_launchable": true, "signer": {"name": "s", "key_is_public": true}, "bits": {"pkru": "unknown"}},
		},
	)
	answer := answered(worst, testing.site({"min_isvsvn": 2, "require": {"kss": "on"}}))
	testing.codes(answer.deny) == {
		"baseline_invalid",
		"bit_not_as_required",
		"debug_launchable",
		"finding_unknown",
		"header_invalid",
		"init_pinned",
		"isvsvn_below_minimum",
		"isvsvn_decreased",
		"key_is_public",
		"kss_forbidden",
		"mask_key_free",
		"provisionkey_requested",
		"q1_invalid",
		"signer_changed",
		"xfrm_legacy_off",
	}
	testing.codes(answer.warn) == {
		"attribute_outside_mask",
		"date_went_back",
		"date_zero",
		"isvsvn_zero",
		"mask_bit_free",
		"xfrm_free",
	}
	codes(answered(testing.finding("kss_fields_without_kss"), testing.empty).deny) == ["kss_fields_without_kss"]
	late := testing.sigstruct({"date_unix": testing.now + 864000})
	codes(answered(late, testing.empty).deny) == ["date_in_future"]
}

test_rules_of_ones_own_count_as_if_they_stood_here if {
	answer := standard.answer with input as testing.release
		with data.launchgate as testing.empty
		with custom.deny as {"no"}
		with custom.violation as {{"code": "never", "message": "never"}}
		with custom.warn as {{"msg": "hm"}}
	answer == {
		"allow": false,
		"deny": {{"code": "custom", "message": "no"}, {"code": "never", "message": "never"}},
		"warn": {{"code": "custom", "message": "hm", "msg": "hm"}},
	}
}

test_messages_stay_short_whatever_they_tell if {
	long := concat("", [x | some _ in numbers.range(1, 3000); x := "x"])
	site := object.union(testing.excepting("debug_launchable", testing.now - 1), {"signing": {"rules": {"w": "ignore"}}})
	answer := standard.answer with input as testing.changed({
		"findings": [long],
		"enclave": {"debug_launchable": true, "signer": {"name": long, "key_is_public": true}},
	})
		with data.launchgate as site
		with custom.deny as {long}
		with custom.warn as {{"code": "w", "message": long}}
	every item in answer.deny | answer.warn {
		count(item.message) <= 1024
	}
}
