/**
 * What the bytes mean: sorted, consolidated updates (key, val, time, diff) as columnar tries in
 * native memory, and everything that is done to them in bulk.
 *
 * <p>An update says that at a time a diff is added to how often a key has a val. Updates are cut
 * into <i>chunks</i>: immutable images of four layers (keys, their vals, their times, their diffs)
 * whose bodies are in memory or paged out. A <i>chain</i> of chunks is a sorted run; it may be cut
 * anywhere, also within a key or a val. Operations move ranges of columns, and whole chunks by
 * handle; none makes an object for a row, and no chunk has to stay in memory to be read again.
 *
 * <p>Read in this order:
 *
 * <ol>
 *   <li>{@link io.espalier.columnar.TrieType}, {@link io.espalier.columnar.ColumnType}, {@link
 *       io.espalier.columnar.DiffType}, {@link io.espalier.columnar.TimeType}: what keys, vals,
 *       diffs and times can be; {@link io.espalier.columnar.Antichain}: frontiers of times;
 *   <li>{@link io.espalier.columnar.TrieView} and {@link io.espalier.columnar.Column}: an image
 *       read in place ({@code docs/format.md} draws it);
 *   <li>{@link io.espalier.columnar.ColumnBuilder} and {@link io.espalier.columnar.TrieBuilder}: an
 *       image built, by melding pieces of views;
 *   <li>{@link io.espalier.columnar.ChainBuilder}: where a stream is cut into chunks, the one place
 *       that knows how large they are, and {@link io.espalier.columnar.ImageSink}, where they go;
 *   <li>{@link io.espalier.columnar.Chunk} with its {@link io.espalier.columnar.Fence}: a sealed
 *       image and what stays resident of it; {@link io.espalier.columnar.Batch}: a chain of them;
 *       {@link io.espalier.columnar.Run}: what a batch shares with durable files;
 *   <li>{@link io.espalier.columnar.Merge}, {@link io.espalier.columnar.Extractor}, {@link
 *       io.espalier.columnar.Settle}: runs in, chain out; {@link io.espalier.columnar.Excerpt}:
 *       what a loop of bulk reads takes out, one after the other;
 *   <li>{@link io.espalier.columnar.Cursor}: a run walked in place, for those who want one row;
 *   <li>{@link io.espalier.columnar.ChunkFamily}: the same operations behind one interface, for
 *       tries and for flat rows.
 * </ol>
 *
 * <p><b>Two families.</b> A chunk is an image with a handle; what is in the image only the family
 * knows. Fences, time bounds, residency and counting of holders are the handle's and the same for
 * both; so a batch holds chunks of either layout, never both, and which chunks a probe or a
 * frontier touches is decided alike. The trie works on ranges of columns; flat rows work row by
 * row, and the tests hold both to one model. Columns are the flyweights of both: a field of a row
 * is a column whose values stand further apart.
 *
 * <p><b>Two orders of times.</b> Where times are pairs, the column of times is twice as wide and
 * stored in lexicographic order; all that copies ranges does not notice. What does: comparing
 * times, their bounds (least and greatest of each number, which decide about whole chunks as those
 * of epochs do), raising them to a frontier, after which those of a (key, val) may have to be
 * sorted again, and reading as of a time. A time is handed around as two numbers, the second 0 for
 * epochs.
 *
 * <p>The rest is machinery. What may not live here: files, threads, policy of what is paged, and
 * what batches mean to each other.
 *
 * <p>The ideas of chunks, melds and extraction are those of Differential Dataflow ({@code
 * trace/chunk} and pull request 782); code and format are our own.
 */
@NullMarked
package io.espalier.columnar;

import org.jspecify.annotations.NullMarked;
