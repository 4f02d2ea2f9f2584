package io.espalier.spine.trace;

import io.espalier.columnar.Column;
import io.espalier.columnar.Run;

/** A durable run: one batch file, or several in key order. */
sealed interface StoredRun extends Run permits BatchFile, BatchFileChain {

    /** Keys of which the last is the last of the run; known without opening a chunk. */
    Column lastKeys();
}
