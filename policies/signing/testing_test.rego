# METADATA
# title: What the tests of the signing rules share
# description: One enclave fit for release, the data document that says nothing, and ways to change them.
package signing.testing

import data.lib.testing as lib

mrsigner := lib.mrsigner

mrenclave := lib.mrenclave

other := lib.other

now := 1795300000

flags := {"init", "debug", "mode64bit", "provisionkey", "einittokenkey", "cet", "kss", "aexnotify"}

components := {"x87", "sse", "avx", "bndregs", "bndcsr", "opmask", "zmm_hi256", "hi16_zmm", "pkru", "xtilecfg", "xtiledata"}

set_bits := {"mode64bit", "x87", "sse"}

# METADATA
# title: These bits as booleans, all others the other way
having(bits) := {bit: has |
	some bit in (flags | components)
	has := bit in bits
}

pinned := {bit: word |
	some bit in (flags | components)
	word := state(bit)
}

state(bit) := "on" if bit in set_bits

state(bit) := "off" if not bit in set_bits

zero_id := "00000000000000000000000000000000"

signed := {
	"signed": true,
	"sigstruct": {
		"header": "06000000e10000000000010000000000",
		"header2": "01010000600000006000000001000000",
		"vendor": 0,
		"date": "20261101",
		"date_unix": 1793491200,
		"swdefined": 0,
		"exponent": 3,
		"miscselect": "0x00000000",
		"miscmask": "0xffffffff",
		"cet_attributes": "0x00",
		"cet_attributes_mask": "0x00",
		"isvfamilyid": zero_id,
		"isvextprodid": zero_id,
		"attributes": {
			"flags": "0x0000000000000004",
			"xfrm": "0x0000000000000003",
			"bits": having(set_bits),
		},
		"attributemask": {
			"flags": "0xffffffffffffffff",
			"xfrm": "0xffffffffffffffff",
			"bits": having(flags | components),
		},
		"enclavehash": mrenclave,
		"isvprodid": 7,
		"isvsvn": 3,
		"sha256": other,
		"mrsigner": mrsigner,
		"signature": "valid",
	},
	"enclave": {
		"mrenclave": mrenclave,
		"mrsigner": mrsigner,
		"isvprodid": 7,
		"isvsvn": 3,
		"isvfamilyid": zero_id,
		"isvextprodid": zero_id,
		"debug": "off",
		"provisionkey": "off",
		"einittokenkey": "off",
		"kss": "off",
		"bits": pinned,
		"debug_launchable": false,
		"signer": null,
	},
}

release := object.union(signed, {
	"v": 1,
	"hook": null,
	"time": now,
	"file": {"name": "enclave.signed.so", "carrier": "SIGSTRUCT"},
	"findings": [],
	"baseline": null,
})

# METADATA
# title: The release with these changes
changed(changes) := object.union(release, changes)

# METADATA
# title: The release with these changes of input.enclave
enclave(changes) := changed({"enclave": changes})

# METADATA
# title: The release with these changes of input.sigstruct
sigstruct(changes) := changed({"sigstruct": changes})

# METADATA
# title: The release with these bits on, off or unknown
bits(changes) := enclave({"bits": changes})

# METADATA
# title: The release in which the engine found this
finding(code) := changed({"findings": [code]})

# METADATA
# title: The release beside a baseline that differs from it in this
beside(changes) := changed({"baseline": object.union(
	object.union(signed, {"file": null, "unmasked": [], "gained": []}),
	changes,
)})

empty := object.union(lib.empty, {"signing": {"rules": {}, "mrsigners": {}, "require": {}}})

# METADATA
# title: A data document that says this of signing
site(changes) := object.union(empty, {"signing": changes})

# METADATA
# title: A data document with one exception for the release
excepting(rule, expires) := object.union(empty, {"exceptions": {"x-1": {
	"rule": rule,
	"match": {"mrsigner": mrsigner},
	"reason": "until the rebuild",
	"expires": expires,
}}})

# METADATA
# title: The codes of these items
codes(items) := {item.code | some item in items}
