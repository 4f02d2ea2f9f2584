package io.espalier.memory;

import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import org.jspecify.annotations.Nullable;

/**
 * How much of a processor a thread gets where several want it. {@link Thread#setPriority} does
 * nothing on Linux, unless the whole process is started with options for it.
 */
public final class ThreadPriority {

    /** The call's name stands for what it does to the one thread that calls it: on Linux only. */
    private static final @Nullable MethodHandle NICE =
            Libc.link(() ->
                    Libc.plain(
                            "nice",
                            FunctionDescriptor.of(ValueLayout.JAVA_INT, ValueLayout.JAVA_INT)));

    private ThreadPriority() {}

    /**
     * Lets the calling thread stand back: others that wake up get its processor at once, and most
     * of it while both want to run. On a processor that nobody else wants it is as fast as before.
     * It stays so for the thread's life; the system does not let everybody take it back.
     *
     * @param steps 1 to 19, added to the thread's nice value; each takes about a fifth of its share
     * @return false where the system has no such call, and nothing has changed
     */
    public static boolean lower(int steps) {
        if (steps < 1 || steps > 19) {
            throw new IllegalArgumentException(steps + " steps; give 1 to 19");
        }
        MethodHandle nice = NICE;
        if (nice == null) {
            return false;
        }
        try {
            // what it answers is the new value, and -1 may be one; lowering is always allowed
            int ignored = (int) nice.invokeExact(steps);
            return true;
        } catch (Throwable e) {
            throw Libc.unexpected(e);
        }
    }
}
