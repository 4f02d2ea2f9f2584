package io.espalier.spine.disk;

/** What a {@link SimulatedDisk} has done to a program, and not only been asked to do. */
public enum Happened {
    /** The machine stopped within a step. */
    CRASH,
    /** A process died, and the machine went on. */
    PROCESS_KILLED,
    /** The machine lost power, and whatever had not been synced with it, in part. */
    POWER_LOST,
    /** A whole write that was not synced did not arrive. */
    WRITE_LOST,
    /** A part of a write arrived. */
    WRITE_TORN,
    /** A write arrived, and one before it did not. */
    WRITES_REORDERED,
    /** A sector that was being written holds something else, or zeros. */
    SECTOR_GARBLED,
    /** A name that was not synced refers to what it did before, or to nothing. */
    NAME_LOST,
    /** A file that was given up became another. */
    FILE_REUSED,
    /** There was no room. */
    FULL,
    /** A sync failed. */
    SYNC_FAILED,
    /** A step was refused. */
    DENIED,
    /** A bit changed while nobody looked. */
    BIT_ROTTED
}
