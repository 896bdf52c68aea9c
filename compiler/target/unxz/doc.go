// Package unxz unpacks what xz packed: the symbols in .gnu_debugdata of programs, and the
// frozen targets.
//
// # The format
//
//	stream   magic, 2 bytes of flags (the kind of check), a sum; blocks; an index, which
//	         begins with a zero and is not read; a footer
//	block    length of its header in words, less one; flags; if they say so the sizes packed
//	         and unpacked; filters; a sum; chunks; zeroes up to a word; a check
//	chunk    a control byte, 0 after the last one; sizes; bytes as they are, or a program
//	         for the decoder of LZMA
//
// LZMA is a sequence of decisions, bit by bit, each with a probability that its context
// has and that it changes; an arithmetic coder packs improbable bits into more than one
// and probable ones into less. The decisions are: a byte follows, or a copy of earlier
// bytes; the byte's bits; how long the copy is and from how far back, which may be one of
// the last four distances again.
//
//	state      which of the last decisions were bytes, copies and repeated distances: 12
//	position   the lowest bits of how many bytes there are, for files of words
//
// What was unpacked is the dictionary that copies are from, so that no other is kept.
//
// # Bounds
//
// Each decision yields a byte at least, so that time and memory are bounded by the limit
// of Unpack. Sums and checks are not compared: whoever made the file could make them
// right, and wrong symbols are found out by what reads them.
//
// # Rejected
//
// github.com/ulikunitz/xz, which the tests compare with: it writes as well, which adds
// 0.35 MB to the command for what are 400 lines here (0.02 MB), and its readers allocate
// the dictionary that a header claims, of up to 4 GiB.
//
// # Sources
//
//   - xz: https://tukaani.org/xz/xz-file-format-1.2.1.txt
//   - LZMA: https://www.7-zip.org/sdk.html (lzma-specification.txt)
//   - LZMA2: https://docs.kernel.org/staging/xz.html,
//     https://elixir.bootlin.com/linux/v6.12/source/lib/xz/xz_dec_lzma2.c (lzma2_control)
package unxz
