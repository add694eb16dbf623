# METADATA
# title: What the tests of this library share
# description: >-
#   One ordinary native launch and one data document that lists it under strict, both complete, and ways to change them.
package lib.testing

mrsigner := "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

mrenclave := "eeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee"

other := "0000000000000000000000000000000000000000000000000000000000000001"

now := 1795300000

long := concat("", [digit | some _ in numbers.range(1, 300); digit := "x"])

bits := {
	"init": "off",
	"debug": "off",
	"mode64bit": "on",
	"provisionkey": "off",
	"einittokenkey": "off",
	"cet": "off",
	"kss": "off",
	"aexnotify": "off",
	"x87": "on",
	"sse": "on",
	"avx": "unknown",
	"bndregs": "off",
	"bndcsr": "off",
	"opmask": "off",
	"zmm_hi256": "off",
	"hi16_zmm": "off",
	"pkru": "off",
	"xtilecfg": "off",
	"xtiledata": "off",
}

ordinary := {
	"v": 1,
	"hook": "enclave_init",
	"id": null,
	"time": now,
	"origin": {
		"kind": "native",
		"enforcement": "kernel",
		"process": null,
		"vm": null,
		"guest": null,
	},
	"platform": {"flc": true, "lepubkeyhash": null},
	"grants": {"provisionkey": {"granted": false, "how": null}},
	"sigstruct": {"signature": "unchecked"},
	"token": null,
	"secs": null,
	"enclave": {
		"mrenclave": mrenclave,
		"mrsigner": mrsigner,
		"isvprodid": 7,
		"isvsvn": 3,
		"isvfamilyid": "00000000000000000000000000000000",
		"isvextprodid": "00000000000000000000000000000000",
		"debug": "off",
		"provisionkey": "off",
		"einittokenkey": "off",
		"kss": "off",
		"bits": bits,
		"debug_launchable": false,
		"signer": null,
	},
	"deadline_ms": null,
	"synthetic": false,
}

empty := {
	"version": 1,
	"profile": "strict",
	"signers": {},
	"mrenclaves": {},
	"revoked": {"mrenclaves": {}, "mrsigners": {}, "products": {}},
	"attributes": {"forbid": {}, "require": {}},
	"lepubkeyhashes": {},
	"origins": {},
	"vms": {},
	"exceptions": {},
}

# METADATA
# title: The ordinary launch with these changes
event(changes) := object.union(ordinary, changes)

# METADATA
# title: The ordinary launch with these changes of input.enclave
enclave(changes) := object.union(ordinary, {"enclave": changes})

# METADATA
# title: The ordinary launch from this VM with these changes of input.enclave
guest(vm, changes) := object.union(ordinary, {
	"origin": {"kind": "kvm", "vm": {"id": vm, "name": null}},
	"enclave": changes,
})

# METADATA
# title: A data document that lists nothing, with these changes
site(changes) := object.union(empty, changes)

# METADATA
# title: The same under another profile
profile(name) := object.union(empty, {"profile": name})

# METADATA
# title: A data document that lists the signer of the ordinary launch so
signer(listing) := object.union(empty, {"signers": {mrsigner: object.union({"name": "acme"}, listing)}})

# METADATA
# title: A data document that lists the measurement of the ordinary launch so
measurement(listing) := object.union(empty, {"mrenclaves": {mrenclave: object.union({"name": "app"}, listing)}})

# METADATA
# title: The codes of these items
codes(items) := {item.code | some item in items}
