-- What would keep the schema from being sharded by account_id: one row per table, key or foreign key.
-- Tables are classed by their comment: '@citus:reference', '@citus:local', else tenant.
create or replace view citus_ready_violations as
with t as (
  select c.oid, c.oid::regclass::text tbl,
    case when obj_description(c.oid,'pg_class') ~ '@citus:reference' then 'reference'
         when obj_description(c.oid,'pg_class') ~ '@citus:local' then 'local' else 'tenant' end kind,
    (select attnum from pg_attribute a where a.attrelid=c.oid and attname='account_id' and not attisdropped) acc,
    (select atttypid from pg_attribute a where a.attrelid=c.oid and attname='account_id' and not attisdropped) acctype,
    (select attnotnull from pg_attribute a where a.attrelid=c.oid and attname='account_id' and not attisdropped) accnn
  from pg_class c join pg_namespace n on n.oid=c.relnamespace
  where c.relkind in('r','p') and not c.relispartition and n.nspname='public'
    and not exists(select 1 from pg_depend d where d.objid=c.oid and d.deptype='e'))
select tbl,'T1 tenant table lacks account_id uuid NOT NULL' rule,null::text obj from t where kind='tenant' and (acc is null or acctype<>'uuid'::regtype or not accnn)
union all select tbl,'T2 tenant table has no primary key',null from t where kind='tenant' and not exists(select 1 from pg_index i where i.indrelid=t.oid and i.indisprimary)
union all select tbl,'T3 unique/PK/exclusion index does not contain account_id',i.indexrelid::regclass::text from t join pg_index i on i.indrelid=t.oid
  where kind='tenant' and (i.indisunique or i.indisexclusion) and not (coalesce(acc,-1)=any((i.indkey::int2[])[0:i.indnkeyatts-1]))
union all select tbl,'T4 unique/PK index: account_id is not the first column',i.indexrelid::regclass::text from t join pg_index i on i.indrelid=t.oid
  where kind='tenant' and i.indisunique and acc=any((i.indkey::int2[])[0:i.indnkeyatts-1]) and i.indkey[0]<>acc
union all select t.tbl,'F1 tenant FK to tenant table must pair account_id with account_id',k.conname from t join pg_constraint k on k.conrelid=t.oid and k.contype='f' and k.conparentid=0 join t r on r.oid=k.confrelid
  where t.kind='tenant' and r.kind='tenant' and not exists(select 1 from generate_subscripts(k.conkey,1) s where k.conkey[s]=t.acc and k.confkey[s]=r.acc)
union all select t.tbl,'F2 FK from tenant table to local table (must be reference)',k.conname from t join pg_constraint k on k.conrelid=t.oid and k.contype='f' join t r on r.oid=k.confrelid where t.kind='tenant' and r.kind='local'
union all select t.tbl,'F3 FK from reference/local table to tenant table',k.conname from t join pg_constraint k on k.conrelid=t.oid and k.contype='f' join t r on r.oid=k.confrelid where t.kind<>'tenant' and r.kind='tenant'
union all select t.tbl,'F4 tenant FK uses ON DELETE/UPDATE SET NULL or SET DEFAULT, or ON UPDATE CASCADE',k.conname from t join pg_constraint k on k.conrelid=t.oid and k.contype='f' and k.conparentid=0 join t r on r.oid=k.confrelid where t.kind='tenant' and r.kind='tenant' and (k.confdeltype in('n','d') or k.confupdtype in('n','d','c'))
union all select t.tbl,'G1 user trigger on tenant table',g.tgname from t join pg_trigger g on g.tgrelid=t.oid and not g.tgisinternal where kind='tenant'
union all select t.tbl,'G2 rule on tenant table',rw.rulename from t join pg_rewrite rw on rw.ev_class=t.oid where kind='tenant'
union all select t.tbl,'I1 table inheritance',null from t join pg_inherits i on i.inhparent=t.oid join pg_class c on c.oid=t.oid and c.relkind='r'
union all select t.tbl,'P1 partition key must not be account_id hash (Citus hashes it) ',null from t join pg_partitioned_table p on p.partrelid=t.oid where kind='tenant' and p.partstrat='h';
