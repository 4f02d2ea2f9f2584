package io.espalier.spine.disk;

import java.io.IOException;

/** A lock that is held until it is closed. Closing it again does nothing. Thread-safe. */
public interface DiskLock extends AutoCloseable {

    /** Gives the lock back. An exclusive one first empties its file: nobody owns it now. */
    @Override
    void close() throws IOException;
}
