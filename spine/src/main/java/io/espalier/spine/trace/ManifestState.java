package io.espalier.spine.trace;

import java.nio.ByteBuffer;

/**
 * The state that a manifest keeps: what results from a snapshot and the changes after it. There is
 * one code path for both lives of a change: {@link #apply} is called with the bytes of a record
 * when the record has become durable, and with the same bytes when it is read back. So what is in
 * memory is what would be recovered.
 *
 * <p>The bytes come from a disk: they passed their checksums, but every assumption beyond that is
 * checked, and refused by {@link MalformedException}.
 *
 * <p>The directory calls from one thread at a time. Buffers are little-endian, and are only valid
 * during the call.
 */
public interface ManifestState {

    /** Bytes that do not say what they should. */
    final class MalformedException extends Exception {
        private static final long serialVersionUID = 1;

        /** What happened, in one line. */
        public MalformedException(String message) {
            super(message);
        }

        /** What happened, in one line, and why. */
        public MalformedException(String message, Throwable cause) {
            super(message, cause);
        }
    }

    /** Becomes the state that {@link #snapshot} wrote, whatever it was before. */
    void restore(ByteBuffer snapshot) throws MalformedException;

    /** Takes one change in. */
    void apply(ByteBuffer change) throws MalformedException;

    /** The whole state in bytes; of a new store, the empty state. */
    byte[] snapshot();

    /** The first id that no batch file has, nor ever had as far as the state knows. */
    long nextFileId();

    /**
     * Whether the state refers to a batch file. What it does not refer to is deleted at opening.
     */
    boolean refersTo(long fileId);
}
