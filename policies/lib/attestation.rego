# METADATA
# title: The launch under attestation's names
# description: >-
#   What is known of the enclave at EINIT, named as quote verifiers name it, so that a rule moves between launch and
#   attestation unchanged. What does not exist or is not known at EINIT is left out, never zeroed: no report data, no
#   CPUSVN, no false where the truth is unknown. Whether the launch is allowed is not decided here.
package lib.attestation

# METADATA
# title: MRSIGNER, 64 lower-case hex digits
sgx_mrsigner := input.enclave.mrsigner if is_string(input.enclave.mrsigner)

# METADATA
# title: MRENCLAVE, 64 lower-case hex digits
# description: SIGSTRUCT.ENCLAVEHASH, which EINIT forces to be equal.
sgx_mrenclave := input.enclave.mrenclave if is_string(input.enclave.mrenclave)

# METADATA
# title: ISVPRODID, an integer
sgx_isvprodid := input.enclave.isvprodid if is_number(input.enclave.isvprodid)

# METADATA
# title: ISVSVN, an integer
sgx_isvsvn := input.enclave.isvsvn if is_number(input.enclave.isvsvn)

# METADATA
# title: Whether the enclave runs with DEBUG=1
# description: Undefined where that is not known; see sgx_debug_launchable.
sgx_is_debuggable if input.enclave.debug == "on"

sgx_is_debuggable := false if input.enclave.debug == "off"

# METADATA
# title: Whether some DEBUG=1 launch satisfies this SIGSTRUCT
# description: A name of our own; no verifier can say this of a running enclave.
sgx_debug_launchable := input.enclave.debug_launchable if is_boolean(input.enclave.debug_launchable)

# METADATA
# title: ISVEXTPRODID, 32 lower-case hex digits in memory order
# description: Only where KSS is known to be on; without it there is no such field in a key or a rule.
sgx_isvextprodid := input.enclave.isvextprodid if {
	input.enclave.kss == "on"
	is_string(input.enclave.isvextprodid)
}

# METADATA
# title: ISVFAMILYID, 32 lower-case hex digits in memory order
# description: Only where KSS is known to be on.
sgx_isvfamilyid := input.enclave.isvfamilyid if {
	input.enclave.kss == "on"
	is_string(input.enclave.isvfamilyid)
}

# METADATA
# title: CONFIGID, 128 lower-case hex digits in memory order
# description: From the SECS, which no signature covers.
sgx_configid := input.secs.configid if is_string(input.secs.configid)

# METADATA
# title: CONFIGSVN, an integer
# description: From the SECS, which no signature covers.
sgx_configsvn := input.secs.configsvn if is_number(input.secs.configsvn)

# METADATA
# title: ATTRIBUTES as one 128-bit number, 32 hex digits, XFRM first
# description: >-
#   Big-endian, as DCAP's Quote Appraisal Library writes it. Only where every bit is known. INIT is set, since the EINIT
#   that is judged sets it, and a quote of the enclave will say so.
sgx_attributes := concat("", [
	substring(input.secs.attributes.xfrm, 2, 16),
	substring(input.secs.attributes.flags, 2, 15),
	with_init[substring(input.secs.attributes.flags, 17, 1)],
]) if {
	input.secs.attributes_known.flags == "0xffffffffffffffff"
	input.secs.attributes_known.xfrm == "0xffffffffffffffff"
}

# METADATA
# title: MISCSELECT as one 32-bit number, 8 hex digits
# description: Big-endian, as sgx_attributes. Only where every bit is known.
sgx_miscselect := substring(input.secs.miscselect, 2, 8) if {
	input.secs.miscselect_known == "0xffffffff"
}

with_init := {
	"0": "1",
	"1": "1",
	"2": "3",
	"3": "3",
	"4": "5",
	"5": "5",
	"6": "7",
	"7": "7",
	"8": "9",
	"9": "9",
	"a": "b",
	"b": "b",
	"c": "d",
	"d": "d",
	"e": "f",
	"f": "f",
}

# METADATA
# title: The launch as Intel Trust Authority's policies see a quote
# description: Version 2 of its policies has these names under input.sgx.
sgx["sgx_mrsigner"] := sgx_mrsigner

sgx["sgx_mrenclave"] := sgx_mrenclave

sgx["sgx_isvprodid"] := sgx_isvprodid

sgx["sgx_isvsvn"] := sgx_isvsvn

sgx["sgx_is_debuggable"] := sgx_is_debuggable

sgx["sgx_debug_launchable"] := sgx_debug_launchable

sgx["sgx_isvextprodid"] := sgx_isvextprodid

sgx["sgx_isvfamilyid"] := sgx_isvfamilyid

sgx["sgx_configid"] := sgx_configid

sgx["sgx_configsvn"] := sgx_configsvn

sgx["sgx_attributes"] := sgx_attributes

sgx["sgx_miscselect"] := sgx_miscselect

# METADATA
# title: The launch as Azure Attestation's policies see a quote
# description: Claims that need a quote are left out.
maa["x-ms-sgx-mrsigner"] := sgx_mrsigner

maa["x-ms-sgx-mrenclave"] := sgx_mrenclave

maa["x-ms-sgx-product-id"] := sgx_isvprodid

maa["x-ms-sgx-svn"] := sgx_isvsvn

maa["x-ms-sgx-is-debuggable"] := sgx_is_debuggable

maa["x-ms-sgx-isv-extended-product-id"] := sgx_isvextprodid

maa["x-ms-sgx-isv-family-id"] := sgx_isvfamilyid

maa["x-ms-sgx-config-id"] := sgx_configid

maa["x-ms-sgx-config-svn"] := sgx_configsvn
