package ignore

import (
	"strings"
	"testing"
)

// kernelPatterns is in kind and number what the root of a large source tree
// ignores.
const kernelPatterns = `# comment
.*
*.a
*.asn1.[ch]
*.bin
*.bz2
*.c.[012]*.*
*.cover
*.dt.yaml
*.dtb
*.dtbo
*.dtb.S
*.dwo
*.elf
*.gcno
*.gz
*.i
*.ko
*.lex.c
*.ll
*.lst
*.lz4
*.lzma
*.mod
*.mod.c
*.o
*.o.*
*.order
*.patch
*.s
*.so
*.so.dbg
*.su
*.symtypes
*.tab.[ch]
*.tar
*.xz
*.zst
Module.symvers
modules.order
/linux
/modules-only.symvers
/vmlinux
/vmlinux.32
/vmlinux-gdb.py
/vmlinuz
/System.map
/Module.markers
/modules.builtin
/debian/
/tar-install/
!.clang-format
!.cocciconfig
!.get_maintainer.ignore
!.gitattributes
!.gitignore
!.kunitconfig
!.mailmap
/include/config/
/include/generated/
/include/ksym/
/arch/*/include/generated/
patches
patches-*
series
cscope.*
ncscope.*
tags
TAGS
GPATH
*.orig
*~
\#*#
extra_certificates
signing_key.pem
x509.genkey
/.config.old
/kernel/**/gen_*.h
`

func benchmarkMatch(b *testing.B, paths ...string) {
	s := new(Stack).Push("", Parse([]byte("*.bak\n.cache/\n"))).
		Push("", Parse([]byte(kernelPatterns))).
		Push("drivers/net", Parse([]byte("gen-*\n*.inc\n")))
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		s.Match(paths[i%len(paths)], false)
	}
}

func BenchmarkMatchSource(b *testing.B) {
	benchmarkMatch(b, "drivers/net/ethernet/intel/e1000e/netdev.c", "drivers/net/Makefile",
		"include/linux/sched.h", "kernel/trace/trace_events.c", "Documentation/admin-guide/index.rst")
}

func BenchmarkMatchIgnored(b *testing.B) {
	benchmarkMatch(b, "drivers/net/ethernet/intel/e1000e/netdev.o", "fs/ext4/inode.o", ".config")
}

func BenchmarkMatchHostile(b *testing.B) {
	s := new(Stack).Push("", Parse([]byte(strings.Repeat("a*", 100)+"b\n")))
	name := strings.Repeat("a", 255)
	for b.Loop() {
		s.Match(name, false)
	}
}

func BenchmarkParse(b *testing.B) {
	b.SetBytes(int64(len(kernelPatterns)))
	b.ReportAllocs()
	for b.Loop() {
		Parse([]byte(kernelPatterns))
	}
}
