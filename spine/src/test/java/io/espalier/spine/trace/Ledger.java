package io.espalier.spine.trace;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.List;
import java.util.TreeSet;

/**
 * The smallest state worth keeping: the numbers of all changes in order, and which files they
 * named.
 */
final class Ledger implements ManifestState {

    private static final int ENTRY_BYTES = 24;
    private static final long NONE = -1;

    final List<Long> numbers = new ArrayList<>();
    final TreeSet<Long> files = new TreeSet<>();
    private long nextFileId;

    /** A change that adds a number. */
    static byte[] add(long number) {
        return change(number, NONE, NONE);
    }

    /** A change that adds a number, and a file in the place of another. */
    static byte[] change(long number, long newFile, long oldFile) {
        return ByteBuffer.allocate(ENTRY_BYTES)
                .order(ByteOrder.LITTLE_ENDIAN)
                .putLong(number)
                .putLong(newFile)
                .putLong(oldFile)
                .array();
    }

    @Override
    public void restore(ByteBuffer snapshot) throws MalformedException {
        numbers.clear();
        files.clear();
        try {
            nextFileId = snapshot.getLong();
            for (int i = snapshot.getInt(); i > 0; i--) {
                files.add(snapshot.getLong());
            }
            while (snapshot.hasRemaining()) {
                numbers.add(snapshot.getLong());
            }
        } catch (java.nio.BufferUnderflowException e) {
            throw new MalformedException("the snapshot ends early", e);
        }
    }

    @Override
    public void apply(ByteBuffer change) throws MalformedException {
        if (change.remaining() != ENTRY_BYTES) {
            throw new MalformedException("a change of " + change.remaining() + " bytes");
        }
        numbers.add(change.getLong());
        long newFile = change.getLong();
        long oldFile = change.getLong();
        if (newFile != NONE) {
            files.add(newFile);
            nextFileId = Math.max(nextFileId, newFile + 1);
        }
        if (oldFile != NONE) {
            files.remove(oldFile);
        }
    }

    @Override
    public byte[] snapshot() {
        ByteBuffer bytes =
                ByteBuffer.allocate(12 + 8 * (files.size() + numbers.size()))
                        .order(ByteOrder.LITTLE_ENDIAN);
        bytes.putLong(nextFileId).putInt(files.size());
        files.forEach(bytes::putLong);
        numbers.forEach(bytes::putLong);
        return bytes.array();
    }

    @Override
    public long nextFileId() {
        return nextFileId;
    }

    @Override
    public boolean refersTo(long fileId) {
        return files.contains(fileId);
    }
}
