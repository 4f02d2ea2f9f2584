/**
 * Where cold bytes go. This floor knows bytes and nothing of what they mean.
 *
 * <p>A sealed run of bytes is handed to the {@link io.espalier.pager.Pager}, which makes it an
 * {@link io.espalier.pager.Image} and charges it to the memory budget. As long as the budget holds,
 * nothing happens to it. When the budget is in debt, the deepest and coldest images are written to
 * spill files and their memory goes back. Whoever reads takes a {@link io.espalier.pager.Pin}, and
 * never learns where the bytes were: in memory, in a mapped page that is read in place, or in a
 * page that a {@link io.espalier.pager.Codec} had to decode. What dies before its turn is never
 * written at all.
 *
 * <p>Spill files are few, large, sparse and nameless: they are gone with the process, however it
 * ends. Pages are whole extents of them, reused or punched out when images die. Every page carries
 * a checksum that is verified whenever its bytes come back: damage is a {@link
 * io.espalier.pager.DamagedPageException}. A page-out that cannot be done is a {@link
 * io.espalier.pager.SpillException}, and loses nothing.
 *
 * <p>A {@link io.espalier.pager.MappedFile} is the other kind of cold bytes: a durable file, read
 * where it is mapped, of which a bounded part stays in memory.
 *
 * <p>Writing and reading ahead are done by a few threads of the pager's own, so that those who make
 * images wait only when the debt exceeds the slack: what waits for a writer, or is written, is part
 * of the slack. An image that dies while it waits is not written.
 *
 * <p>Resident bytes stay within the budget and a fixed set. The budget is charged with images in
 * memory, with what is pinned or read ahead, in place or decoded, and with the window of pages that
 * are kept mapped; so pins displace what could be resident, and nothing comes on top of it unless
 * they alone exceed it. The fixed set is: the slack, and one image for each thread that adopts or
 * writes; one encoded image for each thread that encodes or decodes; the window of mapped files;
 * what freed memory stays warm. {@link io.espalier.pager.PagerOptions} and {@link
 * io.espalier.memory.NativeMemory.Options} have the sizes, {@code docs/memory.md} what was
 * measured, {@link io.espalier.pager.SpillStats} tells what was done.
 *
 * <p>Read in this order: Pager, Image, Pin, PagerOptions, CodecPolicy; then, inside, Residency (who
 * goes, and when), ImageLeaving (whether it can), ImageQueues, SpillWriters, ImageReads, PageStore
 * (how it is written and read), SpillSpace and SpillSegment (where it is put).
 */
@NullMarked
package io.espalier.pager;

import org.jspecify.annotations.NullMarked;
