# METADATA
# title: Text for messages
# description: >-
#   What the messages of rules are made of. Everything here has a value for every event, so that a message cannot make
#   its rule undefined, and every text is short enough for an answer, whose messages hold 1024 characters.
package lib.text

# METADATA
# title: MRSIGNER, or the word unknown
default mrsigner := "unknown"

mrsigner := short(input.enclave.mrsigner) if is_string(input.enclave.mrsigner)

# METADATA
# title: MRENCLAVE, or the word unknown
default mrenclave := "unknown"

mrenclave := short(input.enclave.mrenclave) if is_string(input.enclave.mrenclave)

# METADATA
# title: ISVPRODID in decimal, as the data document writes it in its keys, or the word unknown
default isvprodid := "unknown"

isvprodid := format_int(input.enclave.isvprodid, 10) if is_number(input.enclave.isvprodid)

# METADATA
# title: ISVSVN in decimal, or the word unknown
default isvsvn := "unknown"

isvsvn := format_int(input.enclave.isvsvn, 10) if is_number(input.enclave.isvsvn)

# METADATA
# title: The kind of origin, or the word unknown
default origin := "unknown"

origin := short(input.origin.kind) if is_string(input.origin.kind)

# METADATA
# title: The id of the VM, or the word unknown
default vm := "unknown"

vm := short(input.origin.vm.id) if is_string(input.origin.vm.id)

# METADATA
# title: The first 200 characters of a string
# description: Anything else becomes the word unknown.
short(value) := substring(value, 0, 200) if is_string(value)

short(value) := "unknown" if not is_string(value)

# METADATA
# title: A number in decimal
# description: Anything else becomes the word unknown.
number(value) := format_int(value, 10) if is_number(value)

number(value) := "unknown" if not is_number(value)

# METADATA
# title: What a listing is called
name(entry) := short(entry.name) if entry.name

else := "without a name"

# METADATA
# title: The reason an entry of the data document gives
reason(entry) := short(entry.reason) if entry.reason

else := "no reason given"
