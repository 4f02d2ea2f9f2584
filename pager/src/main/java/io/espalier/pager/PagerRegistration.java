package io.espalier.pager;

import java.lang.management.ManagementFactory;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.Consumer;
import javax.management.InstanceAlreadyExistsException;
import javax.management.InstanceNotFoundException;
import javax.management.JMException;
import javax.management.ObjectName;
import javax.management.StandardMBean;

/**
 * A pager's place among the platform's managed beans, until it is closed or the pager is. Closing
 * twice is harmless. Thread-safe.
 */
public final class PagerRegistration implements AutoCloseable {

    private final ObjectName name;
    private final Consumer<PagerRegistration> onClose;
    private final AtomicBoolean open = new AtomicBoolean(true);

    private PagerRegistration(ObjectName name, Consumer<PagerRegistration> onClose) {
        this.name = name;
        this.onClose = onClose;
    }

    static PagerRegistration of(Pager pager, String name, Consumer<PagerRegistration> onClose) {
        try {
            ObjectName object = new ObjectName("io.espalier:type=Pager,name=" + quoted(name));
            ManagementFactory.getPlatformMBeanServer()
                    .registerMBean(
                            new StandardMBean(new Bean(pager), PagerMXBean.class, true), object);
            return new PagerRegistration(object, onClose);
        } catch (InstanceAlreadyExistsException e) {
            throw new IllegalStateException(
                    "a pager is registered as \"" + name + "\" already; give another name", e);
        } catch (JMException e) {
            throw new IllegalStateException("cannot register a pager as \"" + name + "\"", e);
        }
    }

    /** As it is where the grammar of names allows it, which reads better. */
    private static String quoted(String name) {
        boolean plain = !name.isEmpty();
        for (int i = 0; i < name.length(); i++) {
            plain &= ",=:\"*?\n".indexOf(name.charAt(i)) < 0;
        }
        return plain ? name : ObjectName.quote(name);
    }

    /** The name of the bean: {@code io.espalier:type=Pager,name=...}. */
    public ObjectName name() {
        return name;
    }

    /** Takes the bean out. */
    @Override
    public void close() {
        if (!open.compareAndSet(true, false)) {
            return;
        }
        try {
            ManagementFactory.getPlatformMBeanServer().unregisterMBean(name);
        } catch (InstanceNotFoundException e) {
            // somebody else took it out, which is what was wanted
        } catch (JMException e) {
            throw new IllegalStateException("cannot take " + name + " out", e);
        }
        onClose.accept(this);
    }

    /** What the bean answers. */
    private record Bean(Pager pager) implements PagerMXBean {

        @Override
        public SpillStats.Budget getBudget() {
            return getStats().budget();
        }

        @Override
        public SpillStats.Images getImages() {
            return getStats().images();
        }

        @Override
        public SpillStats.PagedOut getPagedOut() {
            return getStats().pagedOut();
        }

        @Override
        public SpillStats.PagedIn getPagedIn() {
            return getStats().pagedIn();
        }

        @Override
        public SpillStats.Policy getPolicy() {
            return getStats().policy();
        }

        @Override
        public SpillStats.Writers getWriters() {
            return getStats().writers();
        }

        @Override
        public SpillStats.Prefetch getPrefetch() {
            return getStats().prefetch();
        }

        @Override
        public SpillStats.Segments getSegments() {
            return getStats().segments();
        }

        @Override
        public SpillStats.Mapped getMapped() {
            return getStats().mapped();
        }

        @Override
        public SpillStats getStats() {
            return pager.stats();
        }
    }
}
