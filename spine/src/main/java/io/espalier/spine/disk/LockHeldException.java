package io.espalier.spine.disk;

import java.io.IOException;

/** A lock is held by another. */
public final class LockHeldException extends IOException {
    private static final long serialVersionUID = 1;

    private final String holder;

    /** What happened, in one line. */
    public LockHeldException(String path, String holder) {
        super(path + " is locked by " + holder);
        this.holder = holder;
    }

    /** Who holds it, as far as is known; a few words that follow "by". */
    public String holder() {
        return holder;
    }
}
