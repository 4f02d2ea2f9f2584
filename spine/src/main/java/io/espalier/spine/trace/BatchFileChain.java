package io.espalier.spine.trace;

import io.espalier.columnar.ChunkPin;
import io.espalier.columnar.Column;
import io.espalier.columnar.TrieType;
import io.espalier.columnar.TrieView;
import java.util.Arrays;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * The batch files of one run, one behind the other: no key is in two of them, so that their chunks
 * are those of one sorted run. A reader who follows keys is in one file at a time; a probe is asked
 * of the one file that may have it.
 *
 * <p>It holds nothing: whoever reads holds the files. Their structures are read when it is first
 * asked for anything. Thread-safe.
 */
final class BatchFileChain implements StoredRun {

    private final List<BatchFile> files;

    /** How many chunks are before each file, and in all; made when it is first needed. */
    private volatile long @Nullable [] starts;

    /**
     * @param files in key order, two at least
     */
    BatchFileChain(List<BatchFile> files) {
        this.files = List.copyOf(files);
        assert files.size() > 1;
    }

    /** The files as one run. */
    static StoredRun of(List<BatchFile> files) {
        return files.size() == 1 ? files.getFirst() : new BatchFileChain(files);
    }

    private long[] starts() {
        long[] made = starts;
        if (made == null) {
            made = new long[files.size() + 1];
            for (int i = 0; i < files.size(); i++) {
                made[i + 1] = made[i] + files.get(i).chunkCount();
            }
            starts = made;
        }
        return made;
    }

    /** The file that has a chunk. */
    private static int fileOf(long[] starts, long chunk) {
        int found = Arrays.binarySearch(starts, chunk);
        // no file is without chunks, so that no two starts are equal
        return found >= 0 ? found : -found - 2;
    }

    @Override
    public TrieType type() {
        return files.getFirst().type();
    }

    @Override
    public long chunkCount() {
        return starts()[files.size()];
    }

    @Override
    public long updateCount() {
        return files.stream().mapToLong(BatchFile::updateCount).sum();
    }

    @Override
    public long sizeBytes() {
        return files.stream().mapToLong(BatchFile::sizeBytes).sum();
    }

    @Override
    public Column lastKeys() {
        return files.getLast().lastKeys();
    }

    @Override
    public long seek(Column probes, long probe, long from) {
        long[] before = starts();
        if (from >= before[files.size()]) {
            return from;
        }
        int file = fileOf(before, from);
        long local = from - before[file];
        if (!files.get(file).endsBelow(probes, probe)) {
            return before[file] + files.get(file).seek(probes, probe, local);
        }
        int next = fileFrom(file + 1, probes, probe);
        return next == files.size()
                ? before[next]
                : before[next] + files.get(next).seek(probes, probe, 0);
    }

    /** The first file from one on that does not end below a probe. */
    private int fileFrom(int from, Column probes, long probe) {
        int low = from;
        int high = files.size();
        while (low < high) {
            int middle = (low + high) >>> 1;
            if (files.get(middle).endsBelow(probes, probe)) {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        return low;
    }

    @Override
    public boolean hasFilter() {
        for (BatchFile file : files) {
            if (file.hasFilter()) {
                return true;
            }
        }
        return false;
    }

    @Override
    public int sift(Column probes, long[] hashes, int[] some, int count, int[] kept) {
        int end = 0;
        int next = 0;
        while (next < count) {
            int file = fileFrom(0, probes, some[next]);
            if (file == files.size()) {
                // above all that is here
                break;
            }
            BatchFile asked = files.get(file);
            int to = asked.endOf(probes, some, next, count);
            end = asked.sift(probes, hashes, some, next, to, kept, end);
            next = to;
        }
        return end;
    }

    @Override
    public ChunkPin open(long chunk, TrieView view) {
        long[] before = starts();
        if (chunk < 0 || chunk >= before[files.size()]) {
            throw new IndexOutOfBoundsException("chunk " + chunk + " of " + before[files.size()]);
        }
        int file = fileOf(before, chunk);
        return files.get(file).open(chunk - before[file], view);
    }

    @Override
    public void passed(long chunk) {
        long[] before = starts();
        int file = fileOf(before, chunk);
        files.get(file).passed(chunk - before[file]);
    }
}
