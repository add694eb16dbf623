# METADATA
# title: Whether the signature holds
# description: What is not signed yet has none to check.
package signing.signature

# METADATA
# title: The RSA signature does not verify
# description: EINIT refuses it with SGX_INVALID_SIGNATURE. The bytes were changed after signing, or never signed with this key.
# custom:
#   code: signature_invalid
#   fix: sign again, and ship the file as the signing tool wrote it
violation contains {
	"code": "signature_invalid",
	"message": "SIGNATURE does not verify over the SIGSTRUCT with its MODULUS",
} if {
	"signature_invalid" in input.findings
}

# METADATA
# title: Q1 is not what the signature gives
# description: EINIT divides with the help of Q1, and refuses a wrong one with SGX_INVALID_SIGNATURE.
# custom:
#   code: q1_invalid
#   fix: sign with a tool that computes Q1 as floor(SIGNATURE^2 / MODULUS)
violation contains {
	"code": "q1_invalid",
	"message": "Q1 is not floor(SIGNATURE^2 / MODULUS)",
} if {
	"q1_invalid" in input.findings
}

# METADATA
# title: Q2 is not what the signature gives
# description: EINIT divides with the help of Q2, and refuses a wrong one with SGX_INVALID_SIGNATURE.
# custom:
#   code: q2_invalid
#   fix: sign with a tool that computes Q2 as the SDM has it
violation contains {
	"code": "q2_invalid",
	"message": "Q2 is not floor((SIGNATURE^3 - Q1 * SIGNATURE * MODULUS) / MODULUS)",
} if {
	"q2_invalid" in input.findings
}
