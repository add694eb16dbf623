package signing.signer_test

import data.signing.signer
import data.signing.testing

denied(event, site) := codes if {
	codes := testing.codes(signer.deny) with input as event with data.launchgate as site
}

warned(event) := codes if {
	codes := testing.codes(signer.warn) with input as event with data.launchgate as testing.empty
}

test_a_key_that_everybody_has_denies if {
	sample := {"name": "sample key", "key_is_public": true}
	denied(testing.enclave({"signer": sample}), testing.empty) == {"key_is_public"}
	denied(testing.enclave({"signer": {"name": "Intel", "key_is_public": false}}), testing.empty) == set()
	denied(testing.release, testing.empty) == set()
}

test_only_the_signers_named_are_expected if {
	ours := testing.site({"mrsigners": {testing.mrsigner: {}}})
	theirs := testing.site({"mrsigners": {testing.other: {"name": "theirs"}}})
	denied(testing.release, ours) == set()
	denied(testing.release, theirs) == {"signer_not_expected"}
	denied(testing.enclave({"mrsigner": null}), theirs) == {"signer_not_expected"}
	denied(testing.changed({"signed": false, "enclave": {"mrsigner": null}}), theirs) == set()
}

test_vendor_is_intels_alone if {
	claimed := {"sigstruct": {"vendor": 32902}}
	warned(testing.changed(claimed)) == {"vendor_claimed"}
	every own in [{"name": "Intel DCAP enclaves", "key_is_public": false}] {
		warned(testing.changed(object.union(claimed, {"enclave": {"signer": own}}))) == set()
	}
	every foreign in [
		{"name": "Intel SDK sample key", "key_is_public": true},
		{"name": "Fortanix", "key_is_public": false},
	] {
		warned(testing.changed(object.union(claimed, {"enclave": {"signer": foreign}}))) == {"vendor_claimed"}
	}
	warned(testing.release) == set()
}

test_what_is_not_signed_yet_is_said_to_be_so if {
	warned(testing.changed({"signed": false})) == {"not_signed"}
}
