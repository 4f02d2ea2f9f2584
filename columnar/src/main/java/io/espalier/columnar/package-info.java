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
 *       io.espalier.columnar.DiffType}: what keys, vals and diffs can be;
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
 *       io.espalier.columnar.Settle}: runs in, chain out;
 *   <li>{@link io.espalier.columnar.Cursor}: a run walked in place, for those who want one row.
 * </ol>
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
