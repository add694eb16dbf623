# METADATA
# title: Which processor state it demands or leaves free
# description: >-
#   XFRM has the format of XCR0, and its combinations: MPX, AVX-512 and AMX come as groups, AVX-512 needs AVX.
package signing.xfrm

# METADATA
# title: XFRM without x87 or SSE is demanded
# description: Every enclave has both; ECREATE refuses any other, so that EINIT can never succeed.
# custom:
#   code: xfrm_legacy_off
#   fix: sign with XFRM of at least 0x3
violation contains {
	"code": "xfrm_legacy_off",
	"message": "ATTRIBUTES demands XFRM without x87 or SSE, which are always on",
} if {
	"xfrm_legacy_off" in input.findings
}

# METADATA
# title: XFRM is one that no processor has
# description: The combination breaks the rules of XCR0; ECREATE refuses it, so that EINIT can never succeed.
# custom:
#   code: xfrm_inconsistent
#   fix: sign with all components of MPX, AVX-512 and AMX that belong together, and AVX where AVX-512 is
violation contains {
	"code": "xfrm_inconsistent",
	"message": concat("", ["XFRM demands a part of what only comes together: ", concat(", ", sort(members))]),
	"group": name,
} if {
	some name, members in groups
	some on in members
	input.enclave.bits[on] == "on"
	some off in members
	input.enclave.bits[off] == "off"
}

violation contains {
	"code": "xfrm_inconsistent",
	"message": "XFRM demands AVX-512 without AVX",
	"group": "avx",
} if {
	input.enclave.bits.avx == "off"
	some bit in groups.avx512
	input.enclave.bits[bit] == "on"
}

# METADATA
# title: The mask covers a part of a group
# description: >-
#   Components that only come together are enforced in part. The free ones follow the enforced ones, so the mask says less
#   than it decides, and the next tool may read it otherwise.
# custom:
#   code: xfrm_group_split
#   fix: put all components of a group into the mask of XFRM, or none
warn contains {
	"code": "xfrm_group_split",
	"message": concat("", ["the mask of XFRM covers a part of what only comes together: ", concat(", ", sort(members))]),
	"group": name,
} if {
	some name, members in groups
	some free in members
	input.enclave.bits[free] == "unknown"
	some pinned in members
	input.enclave.bits[pinned] in {"on", "off"}
}

# METADATA
# title: The launcher may choose MPX, PKRU or AMX
# description: >-
#   The mask leaves processor state free beyond the AVX and AVX-512 that signing tools leave to the platform. The launcher
#   then decides which state the enclave runs with and saves on exits; PKRU and AMX change what code can rely on.
# custom:
#   code: xfrm_free
#   fix: put the components that the enclave does not use into the mask of XFRM
warn contains {
	"code": "xfrm_free",
	"message": concat("", ["the mask of XFRM leaves free: ", concat(", ", sort(names))]),
	"bits": sort(names),
} if {
	names := {bit |
		some bit in {"bndregs", "bndcsr", "pkru", "xtilecfg", "xtiledata"}
		input.enclave.bits[bit] == "unknown"
	}
	count(names) > 0
}

groups := {
	"mpx": {"bndregs", "bndcsr"},
	"avx512": {"opmask", "zmm_hi256", "hi16_zmm"},
	"amx": {"xtilecfg", "xtiledata"},
}
