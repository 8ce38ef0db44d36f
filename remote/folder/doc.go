// Package folder is a vault's store in a folder: on a USB disk, on a mounted share, or below the root of a host.
//
// The layout is that of .evault/store, and one file more that says whose it is:
//
//	vault                    64 hexadecimal digits and a newline: the vault's ID. A hint: whoever uses the store checks
//	id                       the store's ID. While it is not there, there is no store
//	roster/ keyring/ slots/  small files, named by their contents
//	packs/ab/<sha256>.pack
//	logs/<tag>/<sequence>    one record each, 16 hexadecimal digits, counted from 0
//	incoming/.tmp-<random>   what is arriving; renamed when it is whole and durable
//	damaged/                 packs that do not fit their name
//
// [Open] gives one store as a remote.Store, [OpenSite] the folder as a remote.Site. Both work on a vfs.FS that is rooted
// at the folder, so that nothing outside can be reached. Nothing is written before Create.
//
// Four rules hold for everything written: it is made under a temporary name in incoming/, synced, renamed, and the folder
// synced; only then is it said to be done. Every name found on the disk is read strictly, and what is no plain file or
// folder, a link above all, is never followed. What was interrupted may be done again. Nothing is replaced, except what
// does not fit its own name or signature by what does.
//
// One [Store] or [Site] keeps its own users apart with a mutex. Whoever lets several processes write to one folder, as a
// host may, keeps them apart with a lock of his own; without, two appends at the same instant may both succeed, which
// package refs shows as a divergence.
package folder
