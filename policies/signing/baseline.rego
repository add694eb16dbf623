# METADATA
# title: What changed since the baseline
# description: The baseline is the enclave as it was last released. Without one, nothing here applies.
package signing.baseline

import data.lib.text
import data.signing.shown

# METADATA
# title: The baseline's own signature does not verify
# description: What was never validly signed was never released; to compare with it says nothing.
# custom:
#   code: baseline_invalid
#   fix: give the enclave as it was released as --baseline
violation contains {
	"code": "baseline_invalid",
	"message": "the signature of the baseline does not verify",
} if {
	input.baseline.sigstruct.signature == "invalid"
}

# METADATA
# title: Another signer than before
# description: >-
#   MRSIGNER changed: sealed data of the old signer cannot be unsealed, and hosts and verifiers that list the old one refuse
#   the new.
# custom:
#   code: signer_changed
#   fix: sign with the same key, or have the new MRSIGNER listed wherever the old one is, and plan the migration of sealed data
deny contains {
	"code": "signer_changed",
	"message": concat("", ["MRSIGNER was ", shown.before_mrsigner, ", is ", text.mrsigner]),
} if {
	is_string(input.baseline.enclave.mrsigner)
	is_string(input.enclave.mrsigner)
	input.enclave.mrsigner != input.baseline.enclave.mrsigner
}

# METADATA
# title: Another product than before
# description: ISVPRODID changed, which parts the release from its sealed data and from whoever lists the product.
# custom:
#   code: isvprodid_changed
#   fix: sign with the same ISVPRODID, or compare with the same product
deny contains {
	"code": "isvprodid_changed",
	"message": concat("", ["ISVPRODID was ", shown.before_isvprodid, ", is ", text.isvprodid]),
} if {
	input.enclave.isvprodid != input.baseline.enclave.isvprodid
}

# METADATA
# title: ISVSVN went down
# description: >-
#   The new release cannot unseal what the old one sealed, and counts as older: hosts with a minimum refuse it.
# custom:
#   code: isvsvn_decreased
#   fix: sign with an ISVSVN of at least the baseline's
deny contains {
	"code": "isvsvn_decreased",
	"message": concat("", ["ISVSVN was ", shown.before_isvsvn, ", is ", text.isvsvn]),
} if {
	input.enclave.isvsvn < input.baseline.enclave.isvsvn
}

# METADATA
# title: ISVSVN stayed while the enclave changed
# description: >-
#   MRENCLAVE is another, ISVSVN the same: nobody can ask for the new build by its version. Where it fixes a vulnerability,
#   the vulnerable build stays as good as the new one.
# custom:
#   code: isvsvn_unchanged
#   fix: raise ISVSVN where the release fixes a vulnerability
warn contains {
	"code": "isvsvn_unchanged",
	"message": concat("", ["MRENCLAVE changed, ISVSVN is still ", text.isvsvn]),
} if {
	input.enclave.mrenclave != input.baseline.enclave.mrenclave
	input.enclave.isvsvn == input.baseline.enclave.isvsvn
}

# METADATA
# title: A mask covers less than before
# description: Bits that the last release enforced are now the launcher's to choose.
# custom:
#   code: mask_weakened
#   fix: sign with the masks of the baseline
deny contains {
	"code": "mask_weakened",
	"message": concat("", ["no longer enforced: ", concat(", ", shown.words(input.baseline.unmasked))]),
	"bits": input.baseline.unmasked,
} if {
	count(input.baseline.unmasked) > 0
}

# METADATA
# title: An attribute was gained
# description: The release asks for what the last one did not have. Hosts may not grant it, and reviewers should know.
# custom:
#   code: attribute_gained
#   fix: sign without the bit, or have the change reviewed
warn contains {
	"code": "attribute_gained",
	"message": concat("", ["newly set: ", concat(", ", shown.words(input.baseline.gained))]),
	"bits": input.baseline.gained,
} if {
	count(input.baseline.gained) > 0
}

# METADATA
# title: DATE went back
# description: The release says it was signed before the last one. An old build was signed again, or a clock is wrong.
# custom:
#   code: date_went_back
#   fix: make sure that this is the build you mean, and sign with the day of signing as DATE
warn contains {
	"code": "date_went_back",
	"message": concat("", [
		"DATE was ",
		shown.before_date,
		", is ",
		shown.date,
	]),
} if {
	is_number(input.baseline.sigstruct.date_unix)
	is_number(input.sigstruct.date_unix)
	input.sigstruct.date_unix < input.baseline.sigstruct.date_unix
}
