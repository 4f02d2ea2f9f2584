package io.espalier.spine.trace;

import io.espalier.columnar.ChainBuilder;
import io.espalier.columnar.Column;
import io.espalier.columnar.ColumnBuilder;
import io.espalier.columnar.ColumnType;
import io.espalier.columnar.ImageSink;
import io.espalier.columnar.TrieBuilder;
import io.espalier.columnar.TrieType;
import io.espalier.columnar.TrieView;
import io.espalier.memory.Lease;
import io.espalier.memory.NativeMemory;
import io.espalier.spine.PartRef;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * Writes a run as a sequence of batch files, in key order and with no key in two of them: a file
 * ends when it has reached its size, and where it is told to. So compaction can let go of a run a
 * part at a time.
 *
 * <p>Files are begun when there is something for them, and made durable when they end. What was
 * finished when this is closed too early is the caller's: {@link #written} says what that is.
 *
 * <p>Not thread-safe.
 */
final class RunWriter implements ImageSink, AutoCloseable {

    private final NativeMemory memory;
    private final Supplier<BatchTarget> targets;
    private final long chunkBytes;
    private final long partBytes;
    private final ColumnBuilder cuts;

    /** The last key of a file that is large enough: what goes on with it stays in the file. */
    private final ColumnBuilder lastKey;

    private final List<PartRef> written = new ArrayList<>();
    private @Nullable BatchFileWriter file;
    private int nextCut;
    private boolean full;

    /**
     * @param targets gives a new file each time; it belongs to the writer
     * @param chunkBytes the target size of chunks, where they have to be cut
     * @param partBytes a file is not continued from this size on
     * @param cuts ascending keys: what follows one of them is not in a file with it, or with what
     *     is before it
     */
    RunWriter(
            NativeMemory memory,
            Supplier<BatchTarget> targets,
            long chunkBytes,
            long partBytes,
            List<byte[]> cuts) {
        this.memory = memory;
        this.targets = targets;
        this.chunkBytes = chunkBytes;
        this.partBytes = partBytes;
        ColumnBuilder made = ColumnBuilder.distinct(memory, ColumnType.BYTES);
        ColumnBuilder other = null;
        boolean done = false;
        try {
            for (byte[] cut : cuts) {
                made.append(cut, 0, cut.length);
            }
            other = ColumnBuilder.distinct(memory, ColumnType.BYTES);
            this.cuts = made;
            this.lastKey = other;
            done = true;
        } finally {
            if (!done) {
                made.close();
                if (other != null) {
                    other.close();
                }
            }
        }
    }

    @Override
    public void accept(Lease image, TrieView view) {
        boolean passed = false;
        try {
            long keyCount = view.keyCount();
            long from = endIfFull(view);
            Column cutKeys = cuts.column();
            while (nextCut < cutKeys.count()) {
                long to = endAt(view.keys(), from, keyCount, cutKeys, nextCut);
                if (to == keyCount) {
                    break;
                }
                copy(view, from, to);
                end();
                nextCut++;
                from = to;
            }
            noteSize(view);
            if (from > 0) {
                copy(view, from, keyCount);
            } else {
                BatchFileWriter current = file();
                passed = true;
                current.accept(image, view);
            }
        } finally {
            if (!passed) {
                image.close();
            }
        }
    }

    /** Where the keys end that are not above a cut. */
    private static long endAt(Column keys, long from, long to, Column cutKeys, long cut) {
        long found = keys.gallop(from, to, cutKeys, cut);
        return found < to && Column.compare(keys, found, cutKeys, cut) == 0 ? found + 1 : found;
    }

    /** Ends a file that is large enough as soon as its last key does; where the next one starts. */
    private long endIfFull(TrieView view) {
        if (!full) {
            return 0;
        }
        boolean goesOn = Column.compare(lastKey.column(), 0, view.keys(), 0) == 0;
        if (goesOn && view.keyCount() == 1) {
            return 0;
        }
        if (goesOn) {
            copy(view, 0, 1);
        }
        end();
        return goesOn ? 1 : 0;
    }

    /** Before a chunk is handed over: whether the file will be large enough with it. */
    private void noteSize(TrieView view) {
        BatchFileWriter current = file;
        long bytes = current == null ? 0 : current.sizeBytes();
        full = bytes + view.sizeBytes() >= partBytes;
        if (full) {
            lastKey.clear(Long.MAX_VALUE);
            lastKey.append(view.keys(), view.keyCount() - 1);
        }
    }

    private BatchFileWriter file() {
        BatchFileWriter current = file;
        if (current == null) {
            current = BatchFileWriter.create(memory, targets.get());
            file = current;
        }
        return current;
    }

    /** Appends some keys of a chunk that is cut. */
    private void copy(TrieView view, long from, long to) {
        if (from == to) {
            return;
        }
        try (ChainBuilder chain =
                new ChainBuilder(
                        new TrieBuilder(memory, TrieType.BYTES_TO_BYTES), chunkBytes, file())) {
            chain.appendKeys(view, from, to);
            chain.finish();
        }
    }

    /** Ends the file, if one is begun. */
    private void end() {
        BatchFileWriter current = file;
        full = false;
        if (current != null) {
            try (current) {
                written.add(current.finish());
            } finally {
                file = null;
            }
        }
    }

    /**
     * Makes all of it durable.
     *
     * @return the parts of the run; none if nothing was written
     * @throws StoreException if the disk refuses
     */
    List<PartRef> finish() {
        end();
        return written();
    }

    /** The files that are finished so far. */
    List<PartRef> written() {
        return List.copyOf(written);
    }

    @Override
    public void close() {
        BatchFileWriter current = file;
        file = null;
        try (current;
                ColumnBuilder first = cuts;
                ColumnBuilder second = lastKey) {
            // nothing but closing
        }
    }
}
