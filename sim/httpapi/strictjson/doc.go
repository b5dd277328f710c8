// Package strictjson reads JSON request bodies without forgiving anything.
//
// [Check] refuses whatever is not exactly one well-formed JSON value, and
// nesting deeper than [MaxDepth]. [Object] then walks the members of the
// body's object: members that are not among the [Fields] are refused with the
// nearest right name, and so are members given twice. A [Value] is read as the
// one type that fits the field; decimals are taken from their text, so no
// floating point number ever takes part. [CanonicalObject] gives free-form
// objects one normal form.
//
// Every error is an [*Error] that says where and what is allowed instead.
package strictjson
